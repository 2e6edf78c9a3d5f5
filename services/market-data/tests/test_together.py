"""What all replicas tell, put together."""

from __future__ import annotations

import json
from typing import Any

from market_data.handlers import together


def told(**answers: Any) -> dict[str, bytes]:
    return {name: json.dumps(value).encode() for name, value in answers.items()}


def tracker(pair: str, status: str = "connected", *, followed: bool = True) -> dict[str, Any]:
    return {
        "connector_name": "binance",
        "has_order_book_tracker": followed,
        "tracker_ready": followed,
        "tasks": {"t": {"exists": True}} if followed else {},
        "trading_pairs": [pair] if followed else [],
        "order_books": {pair: {"bid_count": 1}} if followed else {},
        "metrics": {"n": 1} if followed else None,
        "websocket_status": status,
    }


def test_feeds_name_their_replica_and_one_that_moves_is_told_once() -> None:
    both = told(r1={"a": {"last_access_time": 1}, "b": {"last_access_time": 5}}, r2={"b": {"last_access_time": 4}})
    assert json.loads(together.feeds(both)) == {
        "a": {"last_access_time": 1, "replica": "r1"},
        "b": {"last_access_time": 5, "replica": "r1"},
    }


def test_diagnoses_of_those_that_follow_something() -> None:
    alone = tracker("B")
    assert json.loads(together.diagnoses(told(r1=tracker("A", followed=False), r2=alone))) == alone
    none = tracker("A", "not_connected", followed=False)
    assert json.loads(together.diagnoses(told(r1=none, r2=none))) == none
    found = json.loads(together.diagnoses(told(r1=tracker("A"), r2=tracker("B", "not_connected"))))
    assert found["trading_pairs"] == ["A", "B"]
    assert set(found["order_books"]) == {"A", "B"}
    assert set(found["tasks"]) == {"r1:t", "r2:t"}
    assert found["websocket_status"] == "not_connected"


def test_restarts() -> None:
    nothing = {"success": False, "error": "No order books of binance are followed"}
    assert json.loads(together.restarts(told(r1=nothing, r2=nothing))) == nothing
    good = {"success": True, "trading_pairs": ["B"], "message": "1 of 1"}
    assert json.loads(together.restarts(told(r1=nothing, r2=good))) == good
    bad = {"success": False, "trading_pairs": ["A"], "message": "1 of 2", "error": "C: no"}
    found = json.loads(together.restarts(told(r1=bad, r2=good)))
    assert found == {"success": False, "trading_pairs": ["A", "B"], "message": "1 of 2; 1 of 1", "error": "C: no"}
