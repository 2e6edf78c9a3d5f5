"""The engine's perpetual connector against the sandbox exchange: orders in the account's own position mode."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from contracts.trading import OrderType, PositionAction, Side
from sandbox_rig import Sandbox
from trading.adapters import upkeep
from trading.adapters.engine import Engine
from trading.adapters.markets import Markets
from trading.adapters.session import EngineExchanges, EngineSession
from trading.handlers.exchange import Accepted, Fill, OrderReport, OrderTicket, Refused, ReportStatus

OPEN, CLOSE = PositionAction.OPEN, PositionAction.CLOSE

type Connect = Callable[[], AbstractAsyncContextManager[EngineSession]]


@pytest.fixture
async def connect(engine: Engine, sandbox: Sandbox) -> Connect:
    """Sessions of one account."""
    account = await sandbox.admin("POST", "/accounts", {"balances": {}, "futures": "100000"})
    keys = {f"binance_perpetual_api_{name}": account[f"api_{name}"] for name in ("key", "secret")}

    @asynccontextmanager
    async def connected() -> AsyncIterator[EngineSession]:
        made = EngineExchanges(engine, Markets(engine)).session("master_account", "binance_perpetual", keys)
        await made.start()
        yield made
        await made.stop()

    return connected


async def books(session: EngineSession, sandbox: Sandbox) -> dict[str, Any]:
    """The exchange's own ledger of the account."""
    ledger = await sandbox.admin("GET", f"/accounts/{session._fields['binance_perpetual_api_key']}/ledger")
    return dict(ledger["futures"])


def ticket(session: EngineSession, side: Side, amount: str, action: PositionAction, price: str | None = None) -> OrderTicket:
    return OrderTicket(
        order_id=session.client_order_id(uuid4()),
        trading_pair="BTC-USDT",
        side=side,
        order_type=OrderType.MARKET if price is None else OrderType.LIMIT,
        amount=Decimal(amount),
        price=None if price is None else Decimal(price),
        placed_at=datetime.now(UTC),
        position_action=action,
    )


async def traded(session: EngineSession, side: Side, amount: str, action: PositionAction) -> list[Fill]:
    """Take the market; what was pushed of it, which is what the exchange answers when asked."""
    order = ticket(session, side, amount, action)
    accepted = await session.submit(order)
    assert isinstance(accepted, Accepted), accepted
    pushed: list[Fill] = []
    async with asyncio.timeout(60):
        while sum(fill.amount for fill in pushed) < order.amount:
            update = await session.updates.get()
            if isinstance(update, Fill) and update.order_id == order.order_id:
                pushed.append(update)
    asked = await session.fills_of(replace(order, exchange_order_id=accepted.exchange_order_id))
    assert asked == pushed
    return pushed


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
