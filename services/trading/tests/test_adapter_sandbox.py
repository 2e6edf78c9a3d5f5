"""The engine's connector against the sandbox exchange as a process: every number equals the exchange's own ledger."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import uuid4

import aiohttp
import pytest
from contracts.accounts import CredentialRefused
from contracts.rejections import Unavailable
from contracts.trading import OrderType, Side
from engine_kit.engine import Engine
from sandbox_rig import ADMIN, Sandbox, told, until_done
from trading.adapters import session as engine_session
from trading.adapters.markets import Markets
from trading.adapters.prover import EngineProver
from trading.adapters.rates import EngineRates
from trading.adapters.session import EngineExchanges, EngineSession
from trading.handlers.exchange import (
    Accepted,
    BalancesChanged,
    Disconnected,
    OrderReport,
    OrderTicket,
    Reconnected,
    Refused,
    ReportStatus,
    TokenBalance,
    Unproven,
)


async def keys(sandbox: Sandbox) -> dict[str, str]:
    account = await sandbox.admin("POST", "/accounts", {"balances": {"USDT": "100000", "BTC": "1"}})
    return {"binance_api_key": account["api_key"], "binance_api_secret": account["api_secret"]}


@pytest.fixture
async def session(engine: Engine, sandbox: Sandbox) -> AsyncIterator[EngineSession]:
    made = EngineExchanges(engine, Markets(engine)).session("master_account", "binance", await keys(sandbox))
    await made.start()
    yield made
    await made.stop()


def ticket(session: EngineSession, side: Side, kind: OrderType, amount: str, price: str | None) -> OrderTicket:
    return OrderTicket(
        order_id=session.client_order_id(uuid4()),
        trading_pair="BTC-USDT",
        side=side,
        order_type=kind,
        amount=Decimal(amount),
        price=None if price is None else Decimal(price),
        placed_at=datetime.now(UTC),
    )


async def test_a_market_order_costs_what_the_ledger_says(session: EngineSession, sandbox: Sandbox) -> None:
    order = ticket(session, Side.BUY, OrderType.MARKET, "0.0123", None)
    accepted = await session.submit(order)
    assert isinstance(accepted, Accepted)
    pushed = await until_done(session, order)
    assert sum(fill.amount for fill in pushed) == order.amount
    asked = await session.fills_of(replace(order, exchange_order_id=accepted.exchange_order_id))
    listed = await session.trades_since("BTC-USDT", datetime.now(UTC) - timedelta(days=3))
    assert asked == pushed
    assert [replace(fill, order_id=order.order_id) for fill in listed] == pushed
    assert all(not fill.is_maker for fill in pushed)
    held = await session.balances(refresh=True)
    spent = sum(fill.price * fill.amount for fill in pushed)
    fees = {fill.fee_token: Decimal(0) for fill in pushed}
    for fill in pushed:
        fees[fill.fee_token] += fill.fee
    assert held["USDT"].total == 100000 - spent - fees.get("USDT", Decimal(0))
    assert held["BTC"].total == 1 + order.amount - fees.get("BTC", Decimal(0))
    account = await sandbox.admin("GET", f"/accounts/{session._fields['binance_api_key']}")
    for token, row in account["balances"].items():
        free, locked = Decimal(row["free"]), Decimal(row["locked"])
        assert held[token] == TokenBalance(free + locked, free)


async def test_a_resting_order_is_listed_and_cancelled(session: EngineSession) -> None:
    order = ticket(session, Side.BUY, OrderType.LIMIT, "0.001", "20000")
    accepted = await session.submit(order)
    assert isinstance(accepted, Accepted)
    listed = await session.open_orders()
    assert listed is not None
    assert [(o.client_order_id, o.amount, o.price, o.status) for o in listed] == [
        (order.order_id, order.amount, order.price, ReportStatus.OPEN)
    ]
    await told(session, BalancesChanged)
    usdt = (await session.balances(refresh=False))["USDT"]
    assert (usdt.total, usdt.available) == (Decimal(100000), Decimal(99980))
    assert isinstance(await session.cancel(order), Accepted)
    assert (await session.order_report(order)).status is ReportStatus.CANCELLED
    assert isinstance(await session.cancel(order), Refused)
    history = await session.orders_since("BTC-USDT", datetime.now(UTC) - timedelta(minutes=5))
    assert history is not None
    assert [(o.client_order_id, o.status) for o in history] == [(order.order_id, ReportStatus.CANCELLED)]


async def test_refusals_are_in_the_exchanges_words(session: EngineSession) -> None:
    refused = await session.submit(ticket(session, Side.BUY, OrderType.LIMIT, "100", "20000"))
    assert isinstance(refused, Refused)
    assert "(-2010)" in refused.reason
    crossing = await session.submit(ticket(session, Side.BUY, OrderType.LIMIT_MAKER, "0.001", "900000"))
    assert isinstance(crossing, Refused)


async def test_a_halted_pair_comes_back_into_the_rules(
    engine: Engine, sandbox: Sandbox, session: EngineSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_session, "REREAD_SECONDS", 0.0)
    async with aiohttp.ClientSession(headers={"X-Admin-Token": ADMIN}) as operator:
        halt = {"kind": "halt", "symbol": "BTCUSDT"}
        (await operator.post(f"{sandbox.url}/admin/faults", json=halt)).raise_for_status()
        await session.reread_rules()
        assert "BTC-USDT" not in session.trading_rules
        assert "ETH-USDT" in session.trading_rules
        (await operator.delete(f"{sandbox.url}/admin/faults")).raise_for_status()
    await session.reread_rules()
    assert "BTC-USDT" in session.trading_rules


async def test_an_exchange_that_dies_and_comes_back(session: EngineSession, sandbox: Sandbox) -> None:
    order = ticket(session, Side.SELL, OrderType.LIMIT, "0.001", "900000")
    assert isinstance(await session.submit(order), Accepted)
    sandbox.kill()
    assert (await told(session, Disconnected)).reason
    assert isinstance(await session.cancel(order), Unproven)
    with pytest.raises(Unavailable):
        await session.order_report(order)
    await sandbox.start()
    await told(session, Reconnected)
    assert (await session.order_report(order)).status is ReportStatus.OPEN
    assert isinstance(await session.cancel(order), Accepted)
    assert (await told(session, OrderReport)).status is ReportStatus.CANCELLED


async def test_proves_keys_and_refuses_wrong_ones(engine: Engine, sandbox: Sandbox) -> None:
    good = await keys(sandbox)
    prover = EngineProver(engine, Markets(engine))
    await prover.prove("binance", good)
    with pytest.raises(CredentialRefused, match="-1022"):
        await prover.prove("binance", {**good, "binance_api_secret": "0" * 64})
    with pytest.raises(CredentialRefused, match=r"-201[45]"):
        await prover.prove("binance", {**good, "binance_api_key": "0" * 64})


async def test_rates_follow_the_book(engine: Engine) -> None:
    found = await EngineRates(Markets(engine)).rates(["BTC", "USDT", "ETH"], "USDT")
    assert found["USDT"] == 1
    assert all(value is not None and value > 0 for value in found.values())


async def test_many_sessions_start_side_by_side(engine: Engine, sandbox: Sandbox) -> None:
    exchanges = EngineExchanges(engine, Markets(engine))
    made = [exchanges.session(f"account-{n}", "binance", await keys(sandbox)) for n in range(10)]
    await asyncio.gather(*(one.start() for one in made))
    assert all(one.ready() is None for one in made)
    await asyncio.gather(*(one.stop() for one in made))


async def test_a_session_knows_how_far_its_exchange_s_clock_is_off(engine: Engine, sandbox: Sandbox) -> None:
    await sandbox.admin("POST", "/faults", {"kind": "clock_skew", "milliseconds": 3_600_000})
    exchanges = EngineExchanges(engine, Markets(engine))
    session = exchanges.session("master_account", "binance", await keys(sandbox))
    assert exchanges.clocks() == {}
    await session.start()
    assert exchanges.clocks()["master_account", "binance"] == pytest.approx(3600, abs=30)
    await session.stop()
    assert exchanges.clocks() == {}
