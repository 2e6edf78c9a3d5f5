"""What counts as a breaking change of a message."""

from __future__ import annotations

from typing import Any

import pytest

from tools.generate.additive import breaks

BEFORE: dict[str, Any] = {
    "OrderPlaced": {
        "properties": {"order_id": {"type": "string"}, "price": {"type": "string", "description": "old"}},
        "required": ["order_id"],
        "$defs": {"Side": {"enum": ["BUY", "SELL"]}},
    }
}


def changed(**schema: Any) -> dict[str, Any]:
    return {"OrderPlaced": {**BEFORE["OrderPlaced"], **schema}}


@pytest.mark.parametrize(
    ("after", "message"),
    [
        ({}, "OrderPlaced was removed"),
        (changed(properties={"order_id": {"type": "string"}}), "OrderPlaced.price was removed"),
        (
            changed(properties={"order_id": {"type": "integer"}, "price": {"type": "string"}}),
            "OrderPlaced.order_id changed its type",
        ),
        (
            changed(
                properties={**BEFORE["OrderPlaced"]["properties"], "fee": {"type": "string"}}, required=["order_id", "fee"]
            ),
            "OrderPlaced.fee is new and required",
        ),
        (changed(**{"$defs": {"Side": {"enum": ["BUY"]}}}), "OrderPlaced.Side lost the value 'SELL'"),
    ],
)
def test_a_break_is_named(after: dict[str, Any], message: str) -> None:
    assert list(breaks(BEFORE, after)) == [message]


@pytest.mark.parametrize(
    "after",
    [
        changed(properties={**BEFORE["OrderPlaced"]["properties"], "fee": {"type": "string"}}),
        changed(properties={"order_id": {"type": "string"}, "price": {"type": "string", "description": "new"}}),
        {**BEFORE, "OrderMoved": {"properties": {}}},
        changed(**{"$defs": {"Side": {"enum": ["BUY", "SELL", "NONE"]}}}),
    ],
)
def test_an_addition_is_free(after: dict[str, Any]) -> None:
    assert list(breaks(BEFORE, after)) == []
