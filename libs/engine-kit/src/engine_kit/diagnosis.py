"""How an order book tracker of the engine is, as people and the contract want it told (8.9, diagnostics)."""

from __future__ import annotations

import asyncio
import math
from typing import Any

TASKS = (
    "init_order_books_task",
    "emit_trade_event_task",
    "order_book_diff_listener_task",
    "order_book_trade_listener_task",
    "order_book_snapshot_listener_task",
    "order_book_stream_listener_task",
    "order_book_diff_router_task",
    "order_book_snapshot_router_task",
    "update_last_trade_prices_task",
)


def diagnosis(tracker: Any, stream: Any) -> dict[str, Any]:
    """The contract's members about one tracker; `stream` is its connection now, None when it is down."""
    return {
        "tracker_ready": bool(tracker.ready),
        "tasks": {name: _task(getattr(tracker, f"_{name}", None)) for name in TASKS},
        "trading_pairs": sorted(tracker.order_books),
        "order_books": {pair: _book(book) for pair, book in sorted(tracker.order_books.items())},
        "metrics": _plain(tracker.metrics.to_dict()),
        "websocket_status": "not_connected" if stream is None else "connected",
    }


def _task(task: asyncio.Task[Any] | None) -> dict[str, Any]:
    if task is None:
        return {"exists": False}
    cancelled = task.done() and task.cancelled()
    failure = task.exception() if task.done() and not cancelled else None
    return {
        "exists": True,
        "done": task.done(),
        "cancelled": cancelled,
        "exception": None if failure is None else f"{type(failure).__name__}: {failure}",
    }


def _book(book: Any) -> dict[str, Any]:
    bids, asks = (list(rows) for rows in (book.bid_entries(), book.ask_entries()))
    return {
        "best_bid": bids[0].price if bids else None,
        "best_ask": asks[0].price if asks else None,
        "bid_count": len(bids),
        "ask_count": len(asks),
        "snapshot_uid": int(book.snapshot_uid),
        "last_diff_uid": int(book.last_diff_uid),
    }


def _plain(value: Any) -> Any:
    """Without what JSON cannot hold: infinity is null."""
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value
