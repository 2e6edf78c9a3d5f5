"""What survives a crash, a lost answer and a lost message: nothing is sent twice, nothing filled is missing."""

from __future__ import annotations

import asyncio
import json
from decimal import Decimal
from typing import Any

from contracts.message import Metadata
from contracts.trading import OrderType, SessionReconciled
from contracts.trading.reconciliation import GetReconciliation
from rig import Rig
from trading.handlers.position_queries import PositionQueries


async def test_killed_between_intent_and_submit_the_order_fails_and_is_never_sent(rig: Rig) -> None:
    await rig.start()
    hanging = rig.hold_submits(reached=False)
    order_id = await rig.place()
    await hanging.wait()
    await rig.kill()
    assert await rig.names(order_id) == ["OrderPlaced"]
    await rig.start()
    await rig.status(order_id, "UNKNOWN", "FAILED")
    row = await rig.status(order_id, "FAILED")
    assert row["error_message"] == "Order does not exist."
    assert await rig.names(order_id) == ["OrderPlaced", "OrderOutcomeUnknown", "OrderRejected"]
    assert rig.exchange.submits == []


async def test_killed_after_the_submit_reached_the_exchange_the_order_is_found(rig: Rig) -> None:
    await rig.start()
    hanging = rig.hold_submits(reached=True)
    order_id = await rig.place()
    await hanging.wait()
    await rig.kill()
    rig.exchange.fill(order_id, Decimal("0.1"), Decimal(50000), pushed=False)
    await rig.start()
    row = await rig.status(order_id, "PARTIALLY_FILLED")
    assert (row["filled_amount"], row["exchange_order_id"]) == (0.1, "1")
    assert rig.exchange.submits == []


async def test_the_command_of_a_killed_session_repeated_is_the_same_order(rig: Rig) -> None:
    await rig.start()
    metadata = Metadata()
    hanging = rig.hold_submits(reached=True)
    order_id = await rig.place(metadata)
    await hanging.wait()
    await rig.kill()
    await rig.start()
    assert await rig.place(metadata) == order_id
    await rig.status(order_id, "OPEN")
    assert rig.exchange.submits == []
    assert len(rig.exchange.orders) == 1


async def test_a_submit_whose_answer_was_lost_is_found_before_the_settle_time(rig: Rig) -> None:
    await rig.start()
    rig.exchange.submit_faults = ["lose_answer"]
    order_id = await rig.place()
    await rig.status(order_id, "OPEN")
    names = await rig.names(order_id)
    assert names == ["OrderPlaced", "OrderOutcomeUnknown", "OrderOutcomeResolved"]
    assert len(rig.exchange.submits) == 1


async def report(rig: Rig, **filters: Any) -> dict[str, Any]:
    """The report on reconciliation."""
    queries = PositionQueries(rig.log, None)  # type: ignore[arg-type]
    found: dict[str, Any] = json.loads(await queries.reconciliation(GetReconciliation(**filters), Metadata()))
    assert found["unknown_orders_count"] == len(found["unknown_orders"])
    return found


async def test_a_submit_that_never_arrived_fails_only_after_the_settle_time(rig: Rig) -> None:
    await rig.start()
    rig.exchange.submit_faults = ["lose_request"]
    began = asyncio.get_running_loop().time()
    order_id = await rig.place()
    await rig.status(order_id, "UNKNOWN")
    [unknown] = (await report(rig))["unknown_orders"]
    assert (unknown["order_id"], unknown["action"], unknown["acknowledged"]) == (order_id, "submit", False)
    assert unknown["reason"]
    assert unknown["created_at"] <= unknown["since"]
    assert (await report(rig, account_names=("somebody_else",)))["unknown_orders_count"] == 0
    await rig.status(order_id, "FAILED")
    assert (await report(rig))["unknown_orders"] == []
    assert asyncio.get_running_loop().time() - began >= rig.around.pace.settle
    assert len(rig.exchange.submits) == 1


async def test_an_unknown_order_is_cancelled_once_it_is_found(rig: Rig) -> None:
    await rig.start()
    hanging = rig.hold_submits(reached=False)
    order_id = await rig.place()
    await hanging.wait()
    ticket = rig.runner._live.tracked[order_id].ticket  # type: ignore[union-attr]
    await rig.kill()
    await rig.start()
    await rig.status(order_id, "UNKNOWN")
    await rig.cancel(order_id)
    rig.exchange.place(ticket)
    await rig.status(order_id, "CANCELLED")


async def test_fills_while_down_are_back_filled(rig: Rig) -> None:
    await rig.start()
    whole, part = await rig.place(), await rig.place()
    await rig.status(whole, "OPEN")
    await rig.status(part, "OPEN")
    await rig.kill()
    rig.exchange.fill(whole, Decimal("0.5"), Decimal(50000), pushed=False)
    rig.exchange.fill(part, Decimal("0.1"), Decimal(49999), pushed=False)
    rig.exchange.end(part, pushed=False)
    await rig.start()
    assert (await rig.row(whole))["status"] == "FILLED"
    row = await rig.row(part)
    assert (row["status"], row["filled_amount"]) == ("CANCELLED", 0.1)
    reconciled = [event for event in await rig.session_events() if isinstance(event, SessionReconciled)]
    assert (reconciled[-1].orders_checked, reconciled[-1].fills_recovered) == (2, 2)
    assert len(await rig.trades()) == 2


async def test_fills_whose_messages_were_lost_are_found_by_the_periodic_reconciliation(rig: Rig) -> None:
    await rig.start()
    order_id = await rig.place()
    await rig.status(order_id, "OPEN")
    rig.exchange.fill(order_id, Decimal("0.5"), Decimal(50000), pushed=False)
    await rig.status(order_id, "FILLED")


async def test_a_fill_after_the_cancel_moves_the_amounts_up_and_a_full_one_the_status(rig: Rig) -> None:
    await rig.start()
    order_id = await rig.place()
    await rig.status(order_id, "OPEN")
    await rig.cancel(order_id)
    await rig.status(order_id, "CANCELLED")
    rig.exchange.fill(order_id, Decimal("0.2"), Decimal(50000))
    await rig.until(rig.trades)
    row = await rig.row(order_id)
    assert (row["status"], row["filled_amount"]) == ("CANCELLED", 0.2)
    rig.exchange.fill(order_id, Decimal("0.3"), Decimal(50000))
    await rig.status(order_id, "FILLED")


async def test_w02_the_same_execution_pushed_three_times_counts_once(rig: Rig) -> None:
    await rig.start()
    order_id = await rig.place()
    fill = None
    await rig.status(order_id, "OPEN")
    fill = rig.exchange.fill(order_id, Decimal("0.4"), Decimal(50000))
    rig.exchange.push(fill)
    rig.exchange.push(fill)
    await rig.status(order_id, "PARTIALLY_FILLED")
    await asyncio.sleep(0.1)
    assert (await rig.row(order_id))["filled_amount"] == 0.4
    trades = await rig.trades()
    assert [trade["trade_id"] for trade in trades] == [f"{order_id}_{fill.trade_id}"]


async def test_w01_a_fill_that_is_heard_before_the_submit_is_answered(rig: Rig) -> None:
    await rig.start()
    session = rig.exchange.sessions[-1]
    submit = session.submit

    async def filled_at_once(order):  # type: ignore[no-untyped-def]
        outcome = await submit(order)
        rig.exchange.fill(order.order_id, order.amount, Decimal(50000))
        await asyncio.sleep(0.1)
        return outcome

    session.submit = filled_at_once  # type: ignore[method-assign]
    order_id = await rig.place(order_type=OrderType.MARKET, price=None)
    row = await rig.status(order_id, "FILLED")
    assert row["filled_amount"] == 0.5
    await asyncio.sleep(0.2)
    assert [name for name in await rig.names(order_id) if name == "OrderCompleted"] == ["OrderCompleted"]
    assert len(await rig.trades()) == 1


async def test_w03_a_late_cancel_message_does_not_touch_a_filled_order(rig: Rig) -> None:
    await rig.start()
    order_id = await rig.place()
    await rig.status(order_id, "OPEN")
    rig.exchange.fill(order_id, Decimal("0.5"), Decimal(50000))
    await rig.status(order_id, "FILLED")
    rig.exchange.end(order_id)
    await asyncio.sleep(0.3)
    assert (await rig.row(order_id))["status"] == "FILLED"


async def test_w19_a_pending_cancel_is_still_wanted_after_a_restart(rig: Rig) -> None:
    await rig.start()
    order_id = await rig.place()
    await rig.status(order_id, "OPEN")
    session = rig.exchange.sessions[-1]
    asked = asyncio.Event()

    async def hang(order):  # type: ignore[no-untyped-def]
        asked.set()
        await asyncio.Event().wait()

    session.cancel = hang  # type: ignore[method-assign]
    await rig.cancel(order_id)
    await asked.wait()
    await rig.kill()
    assert (await rig.row(order_id))["status"] == "PENDING_CANCEL"
    await rig.start()
    await rig.status(order_id, "CANCELLED")


async def test_what_was_missed_during_a_disconnect_is_read_at_the_reconnect(rig: Rig) -> None:
    await rig.start()
    order_id = await rig.place()
    await rig.status(order_id, "OPEN")
    rig.exchange.disconnect()
    rig.exchange.fill(order_id, Decimal("0.5"), Decimal(50000), pushed=False)
    rig.exchange.reconnect()
    await rig.status(order_id, "FILLED")


async def test_an_order_the_exchange_forgot_is_off_the_book_only_when_it_says_so_twice(rig: Rig) -> None:
    await rig.start()
    order_id = await rig.place()
    await rig.status(order_id, "OPEN")
    forgotten = rig.exchange.orders.pop(order_id)
    await asyncio.sleep(0.25)
    rig.exchange.orders[order_id] = forgotten
    await asyncio.sleep(0.4)
    assert (await rig.row(order_id))["status"] == "OPEN"
    del rig.exchange.orders[order_id]
    await rig.status(order_id, "CANCELLED")


async def test_without_a_trade_listing_fills_before_a_cancel_are_asked_for(rig: Rig) -> None:
    rig.exchange.listings = False
    await rig.start()
    order_id = await rig.place()
    await rig.status(order_id, "OPEN")
    rig.exchange.fill(order_id, Decimal("0.1"), Decimal(50000), pushed=False)
    await rig.cancel(order_id)
    await rig.status(order_id, "CANCELLED")
    await rig.until(lambda: rig.trades())  # noqa: PLW0108
    row = await rig.row(order_id)
    assert (row["status"], row["filled_amount"]) == ("CANCELLED", 0.1)
