"""Every message: its golden example parses, and what it writes it reads again."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest
from contracts import registry
from contracts.message import Metadata, plain_decimal
from contracts.trading import OrderFilled
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

EXAMPLES = Path(__file__).parents[1] / "examples"
MODELS: dict[str, type[BaseModel]] = {**registry.messages(), **registry.replies()}


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.json")), ids=lambda path: path.stem)
def test_the_golden_example_parses_and_round_trips(path: Path) -> None:
    model = MODELS[path.stem]
    message = model.model_validate_json(path.read_text())
    again = model.model_validate_json(message.model_dump_json())
    assert again == message
    assert set(json.loads(path.read_text())) <= set(model.model_fields) | {"unknown"}


def test_an_unknown_field_of_a_newer_writer_is_ignored() -> None:
    example = json.loads((EXAMPLES / "OrderFilled.json").read_text())
    assert OrderFilled.model_validate({**example, "venue_fee_tier": "vip1"}) == OrderFilled.model_validate(example)


@given(st.decimals(allow_nan=False, allow_infinity=False, places=18, min_value=-(10**20), max_value=10**20))
def test_plain_decimal_is_exact_and_has_no_exponent(value: Decimal) -> None:
    text = plain_decimal(value)
    assert Decimal(text) == value
    assert "E" not in text
    assert not (text.endswith("0") and "." in text)


@pytest.mark.parametrize("amount", ["NaN", "Infinity", "-Infinity", "one"])
def test_an_amount_is_a_finite_number(amount: str) -> None:
    example = json.loads((EXAMPLES / "OrderFilled.json").read_text())
    with pytest.raises(ValidationError):
        OrderFilled.model_validate({**example, "amount": amount})


def test_caused_metadata_keeps_the_correlation() -> None:
    command = Metadata(actor="admin", traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
    event = command.caused()
    follower = event.caused()
    assert event.causation_id == command.message_id
    assert follower.correlation_id == event.correlation_id == command.message_id
    assert follower.actor == "admin"
    assert follower.traceparent == command.traceparent


def test_every_event_of_a_context_belongs_to_it() -> None:
    for context, events in registry.CONTEXT_EVENTS.items():
        assert {event.context for event in events} == {context}
    assert {event for events in registry.CONTEXT_EVENTS.values() for event in events} == set(registry.events().values())
