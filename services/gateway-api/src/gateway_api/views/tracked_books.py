"""Answers about the order books that are followed."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field


class TradingPairChanged(BaseModel):
    """Whether the order book of a pair is followed now."""

    success: bool
    connector_name: str
    trading_pair: str
    message: str


class FollowedBook(BaseModel):
    """The top and the size of a book, and why it cannot be served, if so."""

    best_bid: float | None
    best_ask: float | None
    bid_count: int
    ask_count: int
    snapshot_uid: int
    last_diff_uid: int
    error: str | None = None


class TrackerTask(BaseModel):
    """A task of the engine's tracker."""

    exists: bool
    done: bool | None = None
    cancelled: bool | None = None
    exception: str | None = None


class Diagnostics(BaseModel):
    """How the engine's tracker of a connector's order books is."""

    connector_type: str
    connector_name: str
    has_order_book_tracker: bool
    tracker_ready: bool
    tasks: dict[str, TrackerTask]
    trading_pairs: list[str]
    order_books: dict[str, FollowedBook]
    metrics: dict[str, Any] | None = Field(description="Counts and latencies of messages, as the engine keeps them.")
    websocket_status: str = Field(description="`connected` or `not_connected`.")


class Restarted(BaseModel):
    """Which books are live again."""

    success: bool
    message: str | None = None
    trading_pairs: list[str] | None = None
    error: str | None = Field(default=None, description="What did not come back, and why.")
