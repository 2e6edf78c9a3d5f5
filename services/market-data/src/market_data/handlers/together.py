"""What all replicas tell, put together; answers by the replica's name."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


def feeds(answers: Mapping[str, bytes]) -> bytes:
    """The feeds of all; each says which replica runs it. Of one that moves, the entry that was asked for last."""
    found: dict[str, dict[str, Any]] = {}
    for replica, body in answers.items():
        for name, entry in json.loads(body).items():
            if name not in found or found[name]["last_access_time"] < entry["last_access_time"]:
                found[name] = {**entry, "replica": replica}
    return _json(dict(sorted(found.items())))


def diagnoses(answers: Mapping[str, bytes]) -> bytes:
    """The trackers of one connector as one: its tasks and counts carry the replica's name where there are several."""
    told = {replica: json.loads(body) for replica, body in answers.items()}
    following = {replica: each for replica, each in told.items() if each["has_order_book_tracker"]}
    if len(following) < 2:
        return _json(next(iter((following or told).values())))
    parts = list(following.values())
    return _json(
        {
            **parts[0],
            "tracker_ready": all(each["tracker_ready"] for each in parts),
            "tasks": {f"{replica}:{name}": task for replica, each in following.items() for name, task in each["tasks"].items()},
            "trading_pairs": sorted({pair for each in parts for pair in each["trading_pairs"]}),
            "order_books": {pair: book for each in parts for pair, book in sorted(each["order_books"].items())},
            "metrics": {replica: each["metrics"] for replica, each in following.items()},
            "websocket_status": min((each["websocket_status"] for each in parts), key=lambda status: status == "connected"),
        }
    )


def restarts(answers: Mapping[str, bytes]) -> bytes:
    """What all began anew; those that followed no book say nothing, unless nobody did."""
    told = [json.loads(body) for body in answers.values()]
    begun = [each for each in told if "trading_pairs" in each]
    if not begun:
        return _json(told[0])
    errors = [each["error"] for each in begun if "error" in each]
    whole = {
        "success": all(each["success"] for each in begun),
        "trading_pairs": sorted(pair for each in begun for pair in each["trading_pairs"]),
        "message": "; ".join(each["message"] for each in begun),
    }
    return _json({**whole, "error": "; ".join(errors)} if errors else whole)


def _json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
