"""Names on the bus, and that no id can forge one."""

from __future__ import annotations

import pytest
from contracts import naming
from contracts.accounts import CreateAccount
from contracts.rejections import Kind, Rejection
from contracts.trading import OrderFilled, PlaceOrder, SearchOrders


def test_names_follow_the_class() -> None:
    assert naming.command_subject(CreateAccount) == "cmd.accounts.account.CreateAccount"
    assert naming.query_subject(SearchOrders) == "qry.trading.order.SearchOrders"
    assert naming.session_command_subject("a1", "binance", PlaceOrder) == "cmd.trading.session.a1.binance.PlaceOrder"
    assert naming.events_of(OrderFilled) == "evt.trading.order.*.OrderFilled"
    assert naming.event_stream("trading") == "EVT_TRADING"
    assert naming.durable("gateway-api", "orders") == "gateway_api__orders"


def test_an_event_subject_comes_from_its_stream() -> None:
    stream = naming.stream_id("trading", "order", "x-MG43PCSN1")
    assert stream == "trading.order-x-MG43PCSN1"
    assert naming.aggregate_id(stream) == "x-MG43PCSN1"
    assert naming.event_subject(stream, "OrderFilled") == "evt.trading.order.x-MG43PCSN1.OrderFilled"


@pytest.mark.parametrize("forged", ["", "a b", "a.>", "*", "a..b", "ä", "a" * 65, "a\n"])
def test_an_id_cannot_forge_a_subject(forged: str) -> None:
    with pytest.raises(ValueError, match="not a subject token"):
        naming.stream_id("trading", "order", forged)


def test_a_rejection_is_named_by_its_class() -> None:
    class OrderTooOld(Rejection):
        kind = Kind.CONFLICT

    rejection = OrderTooOld("order_id: too old", field="order_id")
    assert (rejection.code, rejection.status, rejection.field) == ("OrderTooOld", 409, "order_id")


def test_a_filter_over_events_is_one_for_each_stream() -> None:
    contexts = ("accounts", "trading")
    assert naming.event_filters("evt.>", contexts) == {"accounts": "evt.accounts.>", "trading": "evt.trading.>"}
    assert naming.event_filters("evt.trading.order.>", contexts) == {"trading": "evt.trading.order.>"}
    assert naming.event_filters("evt.*.*.a1.*", contexts) == {
        "accounts": "evt.accounts.*.a1.*",
        "trading": "evt.trading.*.a1.*",
    }


@pytest.mark.parametrize("subject", ["", ">", "cmd.trading.>", "evt", "evt.", "evt.bots.>", "evt.>.order", "evt.*"])
def test_what_is_no_subject_of_events_is_refused(subject: str) -> None:
    with pytest.raises(ValueError, match="no subject of events"):
        naming.event_filters(subject, ("accounts", "trading"))
