"""The engine's perpetual connector against the sandbox exchange: orders in the account's own position mode."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from contracts.trading import Side
from perpetual_rig import CLOSE, OPEN, Connect, books, connect, elsewhere, ticket, traded
from sandbox_rig import Sandbox
from trading.adapters import upkeep
from trading.adapters.session import EngineSession
from trading.handlers.exchange import Accepted, Fill, OrderReport, Refused, ReportStatus

__all__ = ["connect"]


async def set_mode(session: EngineSession, mode: str) -> None:
    """As its owner would, elsewhere."""
    answer = await session._engine_connector._api_post(
        path_url="v1/positionSide/dual",
        data={"dualSidePosition": mode == "HEDGE"},
        is_auth_required=True,
        limit_id="POSTv1/positionSide/dual",
    )
    assert answer["code"] == 200


async def test_orders_of_a_one_way_account(connect: Connect, sandbox: Sandbox) -> None:
    async with connect() as session:
        assert set(session.trading_rules) == {"BTC-USDT", "ETH-USDT", "SOL-USDT"}
        refused = await session.submit(ticket(session, Side.SELL, "0.01", CLOSE))
        assert isinstance(refused, Refused)
        assert "-2022" in refused.reason
        fills = await traded(session, Side.BUY, "0.2", OPEN) + await traded(session, Side.SELL, "0.05", CLOSE)
        ledger = await books(session, sandbox)
        assert [(fill.trade_id, fill.price, fill.amount, fill.fee, fill.fee_token) for fill in fills] == [
            (str(t["id"]), Decimal(t["price"]), Decimal(t["qty"]), Decimal(t["commission"]), "USDT") for t in ledger["trades"]
        ]
        (held,) = ledger["positions"]
        assert (held["position_side"], Decimal(held["amount"])) == ("BOTH", Decimal("0.15"))
        assert (await session.balances(refresh=True))["USDT"].total == Decimal(ledger["wallet"])


async def test_a_resting_order_is_cancelled_and_too_much_is_refused(connect: Connect) -> None:
    async with connect() as session:
        order = ticket(session, Side.BUY, "0.01", OPEN, "20000")
        accepted = await session.submit(order)
        assert isinstance(accepted, Accepted)
        assert (await session.order_report(order)).status is ReportStatus.OPEN
        assert isinstance(await session.cancel(order), Accepted)
        async with asyncio.timeout(60):
            while not isinstance(update := await session.updates.get(), OrderReport) or update.status is ReportStatus.OPEN:
                pass
        assert update.status is ReportStatus.CANCELLED
        refused = await session.submit(ticket(session, Side.BUY, "200", OPEN, "20000"))
        assert isinstance(refused, Refused)
        assert "-2019" in refused.reason


async def test_a_hedge_account_stays_one(connect: Connect, sandbox: Sandbox) -> None:
    async with connect() as session:
        await set_mode(session, "HEDGE")
    async with connect() as session:
        await traded(session, Side.BUY, "0.02", OPEN)
        await traded(session, Side.SELL, "0.03", OPEN)
        await traded(session, Side.BUY, "0.01", CLOSE)
        ledger = await books(session, sandbox)
        assert ledger["position_mode"] == "HEDGE"
        assert [(held["position_side"], Decimal(held["amount"])) for held in ledger["positions"]] == [
            ("LONG", Decimal("0.02")), ("SHORT", Decimal("-0.02")),
        ]  # fmt: skip


async def test_a_mode_that_is_changed_elsewhere_is_followed(
    connect: Connect, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep, "MODE_SECONDS", 0.0)
    async with connect() as session:
        await set_mode(session, "HEDGE")
        async with asyncio.timeout(60):
            while session._engine_connector.position_mode.name != "HEDGE":  # noqa: ASYNC110 - the connector has no event
                await asyncio.sleep(0.05)
        await traded(session, Side.SELL, "0.02", OPEN)
        assert [held["position_side"] for held in (await books(session, sandbox))["positions"]] == ["SHORT"]


async def test_orders_placed_elsewhere_are_listed_told_and_read(connect: Connect, sandbox: Sandbox) -> None:
    began = datetime.now(UTC) - timedelta(days=20)
    async with connect() as session:
        taken = await elsewhere(session, newClientOrderId="mine-1")
        resting = await elsewhere(session, type="LIMIT", price="20000", timeInForce="GTC", newClientOrderId="mine-2")
        listed = await session.open_orders()
        assert listed is not None
        assert [(order.client_order_id, order.price, order.status) for order in listed] == [
            ("mine-2", Decimal(20000), ReportStatus.OPEN)
        ]
        history = await session.orders_since("BTC-USDT", began)
        assert history is not None
        assert [(order.client_order_id, order.exchange_order_id) for order in history] == [
            ("mine-1", str(taken["orderId"])), ("mine-2", str(resting["orderId"])),
        ]  # fmt: skip
        pushed: list[Fill] = []
        async with asyncio.timeout(60):
            while sum(fill.amount for fill in pushed) < Decimal("0.01"):
                update = await session.updates.get()
                if isinstance(update, Fill):
                    pushed.append(update)
        read = await session.trades_since("BTC-USDT", began)
        assert read == [replace(fill, order_id=None) for fill in pushed]
        trades = (await books(session, sandbox))["trades"]
        assert [(fill.trade_id, fill.is_maker) for fill in pushed] == [(str(trade["id"]), trade["maker"]) for trade in trades]


async def met_itself(session: EngineSession) -> OrderReport:
    """The end of an order ahead of the market maker's quotes after its own account sold to it, or the crowd did before."""
    best = await session._engine_connector._api_get(path_url="v1/ticker/bookTicker", params={"symbol": "BTCUSDT"})
    price = str(Decimal(best["bidPrice"]) + Decimal("0.1"))
    order = ticket(session, Side.BUY, "0.01", OPEN, price)
    assert isinstance(await session.submit(order), Accepted)
    await elsewhere(session, side="SELL", type="LIMIT", price=price, timeInForce="IOC")
    return await session.order_report(order)


async def test_an_order_that_expires_in_a_match_is_cancelled_and_not_failed(connect: Connect) -> None:
    async with connect() as session, asyncio.timeout(60):
        report = await met_itself(session)
        while report.reason != "EXPIRED_IN_MATCH":
            report = await met_itself(session)
        assert report.status is ReportStatus.CANCELLED


async def test_an_order_that_does_not_exist_is_not_found(connect: Connect) -> None:
    async with connect() as session:
        report = await session.order_report(ticket(session, Side.BUY, "0.01", OPEN, "20000"))
        assert report.status is ReportStatus.NOT_FOUND
