"""Orders placed elsewhere with the same keys, and executions that no listing explains."""

from __future__ import annotations

from decimal import Decimal

from contracts.message import utc_now
from contracts.trading import OrderType, Side
from rig import PAIR, Rig
from trading.handlers.exchange import OrderTicket


def elsewhere(name: str) -> OrderTicket:
    """An order placed by somebody else with the same keys."""
    return OrderTicket(
        order_id=name,
        trading_pair=PAIR,
        side=Side.SELL,
        order_type=OrderType.LIMIT,
        amount=Decimal(2),
        price=Decimal(60000),
        placed_at=utc_now(),
    )


async def test_orders_placed_elsewhere_are_recorded_with_their_fills_and_can_be_cancelled(rig: Rig) -> None:
    rig.exchange.place(elsewhere("web_1"))
    rig.exchange.place(elsewhere("mobile:2.3"))
    await rig.start()
    row = await rig.row("web_1")
    assert (row["status"], row["trade_type"], row["amount"], row["price"]) == ("OPEN", "SELL", 2.0, 60000.0)
    rig.exchange.fill("web_1", Decimal(2), Decimal(60000))
    await rig.status("web_1", "FILLED")
    foreign = next(event for event in await rig.all_events() if getattr(event, "client_order_id", None) == "mobile:2.3")
    await rig.cancel(foreign.order_id)  # type: ignore[attr-defined]
    await rig.status(foreign.order_id, "CANCELLED")  # type: ignore[attr-defined]
    assert rig.exchange.cancels == ["mobile:2.3"]


async def test_an_order_placed_and_filled_elsewhere_while_down_is_recorded(rig: Rig) -> None:
    await rig.start()
    order_id = await rig.place()
    await rig.status(order_id, "OPEN")
    await rig.kill()
    rig.exchange.place(elsewhere("web_2"))
    rig.exchange.fill("web_2", Decimal(2), Decimal(60000), pushed=False)
    await rig.start()
    assert (await rig.row("web_2"))["status"] == "FILLED"
    assert [trade["order_id"] for trade in await rig.trades()] == ["web_2"]


async def test_an_order_placed_elsewhere_while_running_is_recorded(rig: Rig) -> None:
    await rig.start()
    rig.exchange.place(elsewhere("web_3"))
    rig.exchange.fill("web_3", Decimal(1), Decimal(60000))
    await rig.status("web_3", "PARTIALLY_FILLED")


async def test_an_execution_that_no_listing_explains_is_kept(rig: Rig) -> None:
    rig.exchange.listings = False
    await rig.start()
    rig.exchange.place(elsewhere("web_4"))
    rig.exchange.fill("web_4", Decimal(1), Decimal(60000))
    await rig.until(rig.trades)
    assert (await rig.trades())[0]["order_id"] == "web_4"
