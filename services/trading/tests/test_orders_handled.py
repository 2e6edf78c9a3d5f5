"""Orders through the handlers: a session on the exchange in memory, a real event log and its views."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest
from contracts.message import Metadata
from contracts.rejections import CommandUnreadable, Unavailable
from contracts.trading import (
    CancelOrders,
    OrderAboveMaximum,
    OrderBelowMinimum,
    OrderIdReused,
    OrderNotOpen,
    OrderPlaced,
    OrderPriceMissing,
    OrderRateExceeded,
    OrderType,
    OrderUnknown,
    RefreshBalances,
    TradingPairUnknown,
)
from rig import ACCOUNT, CONNECTOR, PAIR, Rig
from trading.handlers.exchange import ReportStatus, TokenBalance


async def test_a_limit_order_is_placed_filled_in_parts_and_completed(rig: Rig) -> None:
    await rig.start()
    order_id = await rig.place()
    row = await rig.status(order_id, "OPEN")
    assert row["exchange_order_id"] == "1"
    assert (row["amount"], row["price"], row["filled_amount"], row["average_fill_price"]) == (0.5, 50000.0, 0.0, None)
    rig.exchange.fill(order_id, Decimal("0.2"), Decimal(49000))
    row = await rig.status(order_id, "PARTIALLY_FILLED")
    assert (row["filled_amount"], row["average_fill_price"]) == (0.2, 49000.0)
    rig.exchange.fill(order_id, Decimal("0.3"), Decimal(50000))
    row = await rig.status(order_id, "FILLED")
    assert (row["filled_amount"], row["average_fill_price"]) == (0.5, 49600.0)
    assert (row["fee_paid"], row["fee_currency"]) == (0.0005, "BTC")
    assert await rig.names(order_id) == ["OrderPlaced", "OrderSubmitted", "OrderFilled", "OrderFilled", "OrderCompleted"]
    assert order_id not in rig.exchange.sessions[-1].adopted


async def test_the_same_command_is_the_same_order_and_is_sent_once(rig: Rig) -> None:
    await rig.start()
    metadata = Metadata()
    first = await rig.place(metadata)
    await rig.status(first, "OPEN")
    assert await rig.place(metadata) == first
    assert len(rig.exchange.submits) == 1
    with pytest.raises(OrderIdReused):
        await rig.place(metadata, amount=Decimal("0.6"))


async def test_the_amount_and_price_sent_are_quantised_and_the_reply_echoes_the_request(rig: Rig) -> None:
    await rig.start()
    metadata = Metadata()
    order = rig.order(amount=Decimal("0.50009"), price=Decimal("50000.019"))
    accepted = await rig.commands.handlers["PlaceOrder"](order, metadata)
    assert (accepted.amount, accepted.price) == (Decimal("0.50009"), Decimal("50000.019"))
    await rig.status(accepted.order_id, "OPEN")
    sent = rig.exchange.submits[0]
    assert (sent.amount, sent.price) == (Decimal("0.5000"), Decimal("50000.01"))


@pytest.mark.parametrize(
    ("changes", "rejection", "text"),
    [
        ({"trading_pair": "NOPE-USDT"}, TradingPairUnknown, "BTC-USDT, ETH-USDT"),
        ({"price": None}, OrderPriceMissing, "price is required"),
        ({"amount": Decimal("0.00001")}, OrderBelowMinimum, "min_order_size 0.0001"),
        (
            {"amount": Decimal("0.0001"), "price": Decimal("100")},
            OrderBelowMinimum,
            "notional of 0.01, below min_notional_size 5",
        ),
    ],
)
async def test_refusals_name_the_rule_and_both_numbers(
    rig: Rig, changes: dict[str, object], rejection: type[Exception], text: str
) -> None:
    await rig.start()
    with pytest.raises(rejection, match=text):
        await rig.place(**changes)
    assert rig.exchange.submits == []


async def test_a_pair_that_was_halted_when_the_rules_were_read_is_traded_as_soon_as_it_is_listed(rig: Rig) -> None:
    price = rig.exchange.prices.pop("BTC-USDT")
    await rig.start()
    with pytest.raises(TradingPairUnknown):
        await rig.place()
    rig.exchange.prices["BTC-USDT"] = price
    await rig.status(await rig.place(), "OPEN")


async def test_amounts_beyond_any_exchange_are_refused(rig: Rig) -> None:
    await rig.start()
    with pytest.raises(OrderAboveMaximum, match="more digits"):
        await rig.place(amount=Decimal("1E+40"))
    with pytest.raises(OrderAboveMaximum, match="max_order_size 9000"):
        await rig.place(amount=Decimal(10000))


async def test_a_command_for_another_session_is_not_taken(rig: Rig) -> None:
    await rig.start()
    with pytest.raises(CommandUnreadable):
        await rig.place(account="other")
    with pytest.raises(CommandUnreadable):
        await rig.commands.handlers["CancelOrders"](CancelOrders(account=ACCOUNT, connector="kraken"), Metadata())


async def test_a_refused_submit_fails_the_order_with_the_exchanges_reason(rig: Rig) -> None:
    await rig.start()
    rig.exchange.submit_faults = ["refuse"]
    order_id = await rig.place()
    row = await rig.status(order_id, "FAILED")
    assert "insufficient balance" in row["error_message"]


async def test_no_order_is_taken_before_the_first_reconciliation(rig: Rig) -> None:
    rig.exchange.down = True
    await rig.start(wait=False)
    await rig.until(rig.session_events)
    assert rig.commands.handlers == {}
    rig.exchange.down = False
    await rig.until(lambda: "PlaceOrder" in rig.commands.handlers)


async def test_cancel(rig: Rig) -> None:
    await rig.start()
    order_id = await rig.place()
    await rig.status(order_id, "OPEN")
    assert (await rig.cancel(order_id)).order_ids == (order_id,)
    await rig.status(order_id, "CANCELLED")
    with pytest.raises(OrderNotOpen, match="not found in active orders"):
        await rig.cancel(order_id)
    with pytest.raises(OrderUnknown):
        await rig.cancel("unheard-of")


async def test_cancel_all_of_a_pair(rig: Rig) -> None:
    await rig.start()
    btc = [await rig.place() for _ in range(3)]
    eth = await rig.place(trading_pair="ETH-USDT", price=Decimal(3000))
    for order_id in [*btc, eth]:
        await rig.status(order_id, "OPEN")
    command = CancelOrders(account=ACCOUNT, connector=CONNECTOR, trading_pair=PAIR)
    started = await rig.commands.handlers["CancelOrders"](command, Metadata())
    assert set(started.order_ids) == set(btc)
    for order_id in btc:
        await rig.status(order_id, "CANCELLED")
    assert (await rig.row(eth))["status"] == "OPEN"


async def test_a_cancel_does_not_overtake_its_submit(rig: Rig) -> None:
    await rig.start()
    session = rig.exchange.sessions[-1]
    gate, submit = asyncio.Event(), session.submit

    async def slow(order):  # type: ignore[no-untyped-def]
        await gate.wait()
        return await submit(order)

    session.submit = slow  # type: ignore[method-assign]
    order_id = await rig.place()
    await rig.cancel(order_id)
    assert (await rig.row(order_id))["status"] == "PENDING_CANCEL"
    gate.set()
    await rig.status(order_id, "CANCELLED")


async def test_a_fill_that_wins_the_race_against_the_cancel(rig: Rig) -> None:
    await rig.start()
    order_id = await rig.place()
    await rig.status(order_id, "OPEN")
    rig.exchange.fill(order_id, Decimal("0.5"), Decimal(50000), pushed=False)
    await rig.cancel(order_id)
    row = await rig.status(order_id, "FILLED")
    assert row["filled_amount"] == 0.5
    assert "OrderCancelRefused" not in await rig.names(order_id)


async def test_a_refused_cancel_of_an_open_order_leaves_it_as_it_was(rig: Rig) -> None:
    await rig.start()
    order_id = await rig.place()
    await rig.status(order_id, "OPEN")
    rig.exchange.cancel_faults = ["refuse"]
    await rig.cancel(order_id)
    await rig.until(lambda: rig.exchange.cancels)
    await rig.status(order_id, "OPEN")
    assert "OrderCancelRefused" in await rig.names(order_id)


@pytest.mark.parametrize("fault", ["lose_request", "lose_answer"])
async def test_an_unproven_cancel_is_resolved(rig: Rig, fault: str) -> None:
    await rig.start()
    order_id = await rig.place()
    await rig.status(order_id, "OPEN")
    rig.exchange.cancel_faults = [fault]  # type: ignore[list-item]
    await rig.cancel(order_id)
    await rig.status(order_id, "CANCELLED")
    names = await rig.names(order_id)
    assert names[-3:] == ["OrderOutcomeUnknown", "OrderOutcomeResolved", "OrderCancelled"]


async def test_an_order_that_the_exchange_ended_is_cancelled(rig: Rig) -> None:
    await rig.start()
    order_id = await rig.place(order_type=OrderType.MARKET, price=None)
    await rig.status(order_id, "OPEN")
    rig.exchange.end(order_id, ReportStatus.CANCELLED)
    await rig.status(order_id, "CANCELLED")


async def test_balances_are_reported_once_when_they_changed(rig: Rig) -> None:
    await rig.start()
    rig.exchange.funds["BTC"] = TokenBalance(Decimal(2), Decimal(1))
    command = RefreshBalances(account=ACCOUNT, connector=CONNECTOR)
    read = await rig.commands.handlers["RefreshBalances"](command, Metadata())
    assert next((b.token, b.total, b.available) for b in read.balances) == ("BTC", Decimal(2), Decimal(1))
    await rig.commands.handlers["RefreshBalances"](command, Metadata())
    await asyncio.sleep(0.1)
    reported = [event for event in await rig.session_events() if type(event).__name__ == "BalancesReported"]
    assert len(reported) == 2
    assert read.version == len(await rig.session_events())
    rig.exchange.down = True
    with pytest.raises(Unavailable):
        await rig.commands.handlers["RefreshBalances"](command, Metadata())


async def test_an_order_beyond_the_rate_limit_is_refused_before_anything_is_stored(rig: Rig) -> None:
    await rig.start()
    rig.exchange.room = 2
    placed = [Metadata() for _ in range(5)]
    outcomes = await asyncio.gather(*(rig.place(metadata) for metadata in placed), return_exceptions=True)
    refused = [outcome for outcome in outcomes if isinstance(outcome, OrderRateExceeded)]
    accepted = [outcome for outcome in outcomes if isinstance(outcome, str)]
    assert (len(accepted), len(refused), refused[0].retry_after, refused[0].status) == (2, 3, 10, 429)
    for order_id in accepted:
        await rig.status(order_id, "OPEN")
    assert {ticket.order_id for ticket in rig.exchange.submits} == set(accepted)
    assert {event.order_id for event in await rig.all_events() if isinstance(event, OrderPlaced)} == set(accepted)
    # A repeated command is answered all the same, and a cancel is never refused.
    assert [await rig.place(placed[outcomes.index(order_id)]) for order_id in accepted] == accepted
    await rig.cancel(accepted[0])
    await rig.status(accepted[0], "CANCELLED")
    assert await rig.place(placed[outcomes.index(accepted[0])]) == accepted[0]
    rig.exchange.room = None
    later = await rig.place(placed[outcomes.index(refused[0])])
    await rig.status(later, "OPEN")
    assert len(rig.exchange.submits) == 3
