"""Sessions of the engine's perpetual connector on the sandbox exchange, and what they trade there."""

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
from engine_kit.engine import Engine
from sandbox_rig import Sandbox
from trading.adapters.markets import Markets
from trading.adapters.session import EngineExchanges, EngineSession
from trading.handlers.exchange import Accepted, Fill, OrderTicket

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


async def elsewhere(session: EngineSession, **order: str) -> dict[str, Any]:
    """An order of the account that this session does not know."""
    parameters = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.01", **order}
    answer: dict[str, Any] = await session._engine_connector._api_post(
        path_url="v1/order", data=parameters, is_auth_required=True, limit_id="POSTv1/order"
    )
    return answer
