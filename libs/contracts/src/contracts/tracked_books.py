"""The order books market-data follows: following one on purpose, leaving it, how they are, and beginning anew.

These start and stop feeds and store nothing, so they are queries: the same again does no harm.
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from contracts.market_data import CONTEXT
from contracts.message import Query


class _Book:
    context: ClassVar[str] = CONTEXT
    noun: ClassVar[str] = "book"


class AddTradingPair(_Book, Query):
    """-> `{"success": true, "connector_name", "trading_pair", "message"}` once the book is live.

    Refused: MarketNotFound. Unavailable with the reason after `timeout` seconds at most.
    """

    connector: str
    trading_pair: str
    timeout: float = Field(default=30, gt=0, le=120)


class RemoveTradingPair(_Book, Query):
    """-> as AddTradingPair; `success` is false when the book was not followed. Who asks for it again starts it again."""

    connector: str
    trading_pair: str


class DiagnoseOrderBooks(_Book, Query):
    """-> how the connector's tracker of order books is (contract 8.9). Refused: MarketNotFound."""

    connector: str


class RestartOrderBooks(_Book, Query):
    """-> `{"success", "message", "trading_pairs", "error"?}`: all books of the connector begun anew. Refused: MarketNotFound.

    A pair that does not come back is named under `error` and keeps no other away.
    """

    repeatable: ClassVar[bool] = False

    connector: str
