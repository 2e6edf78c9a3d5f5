"""The contract of ExchangeSession, kept by the exchange in memory and by the engine's connector on Binance's wire."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from binance_wire import KEY, SECRET, BinanceWire
from contracts.message import TOKEN
from contracts.trading import OrderType, Side
from engine_kit.engine import Engine
from engine_kit.venue import Venue
from fake_exchange import FakeExchange
from trading.adapters.markets import Markets
from trading.adapters.session import EngineExchanges
from trading.handlers.exchange import (
    Accepted,
    BalancesChanged,
    Disconnected,
    ExchangeSession,
    Fill,
    OrderReport,
    OrderTicket,
    Reconnected,
    Refused,
    ReportStatus,
    TokenBalance,
    Unproven,
    Update,
)

COMMAND = UUID("0f8fad5b-d9cb-469f-a165-70867728950e")
GOOD = {"binance_api_key": KEY, "binance_api_secret": SECRET}


@dataclass
class Stage:
    """A session, and what a test can do at its exchange's end."""

    session: ExchangeSession
    fill: Callable[[str, str, str], Awaitable[object]]
    silent_fill: Callable[[str, str, str], Awaitable[object]]
    lose_answer: Callable[[], None]
    lose_request: Callable[[], None]
    refuse: Callable[[], None]
    cut_stream: Callable[[], Awaitable[None]]
    set_balance: Callable[[str, str, str], Awaitable[None]]
    known: Callable[[], list[str]]
    listings: bool = True

    async def told[T: Update](self, kind: type[T], seconds: float = 30) -> T:
        """The next update of this kind."""
        async with asyncio.timeout(seconds):
            while True:
                update = await self.session.updates.get()
                if isinstance(update, kind):
                    return update

    def ticket(self, number: int = 0, **changes: object) -> OrderTicket:
        order = OrderTicket(
            order_id=self.session.client_order_id(UUID(int=COMMAND.int + number)),
            trading_pair="BTC-USDT",
            side=Side.BUY,
            order_type=OrderType.LIMIT,
            amount=Decimal("0.0011"),
            price=Decimal("50000.01"),
            placed_at=datetime.now(UTC),
        )
        return replace(order, **changes)  # type: ignore[arg-type]


def in_memory() -> Stage:
    exchange = FakeExchange()

    async def fill(order_id: str, amount: str, price: str) -> object:
        return exchange.fill(order_id, Decimal(amount), Decimal(price))

    async def silent_fill(order_id: str, amount: str, price: str) -> object:
        return exchange.fill(order_id, Decimal(amount), Decimal(price), pushed=False)

    async def cut() -> None:
        exchange.disconnect()
        exchange.reconnect()

    async def set_balance(token: str, free: str, locked: str) -> None:
        exchange.funds[token] = TokenBalance(Decimal(free) + Decimal(locked), Decimal(free))
        exchange.push(BalancesChanged())

    return Stage(
        exchange.session("master_account", "binance", GOOD),
        fill,
        silent_fill,
        lambda: exchange.submit_faults.append("lose_answer") or exchange.cancel_faults.append("lose_answer"),  # type: ignore[func-returns-value]
        lambda: exchange.submit_faults.append("lose_request"),
        lambda: exchange.submit_faults.append("refuse"),
        cut,
        set_balance,
        lambda: list(exchange.orders),
    )


def on_wire(engine: Engine, wire: BinanceWire) -> Stage:
    exchanges = EngineExchanges(engine, Markets(engine))
    refused = (400, '{"code":-2010,"msg":"Account has insufficient balance for requested action."}')
    return Stage(
        exchanges.session("master_account", "binance", GOOD),
        wire.fill,
        lambda order_id, amount, price: wire.fill(order_id, amount, price, pushed=False),
        lambda: wire.faults.append("drop_after"),
        lambda: wire.faults.append("drop"),
        lambda: wire.faults.append(refused),
        wire.drop_streams,
        wire.push_balance,
        lambda: list(wire.orders),
    )


@pytest.fixture(autouse=True)
def no_errors(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """The engine swallows what goes wrong in its loops and logs it: nothing may."""
    yield
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR] == []


@pytest.fixture(params=["in_memory", "engine", "engine_without_listings"])
async def stage(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stage]:
    if request.param == "in_memory":
        made = in_memory()
        await made.session.start()
        yield made
        await made.session.stop()
        return
    wire = BinanceWire()
    await wire.start()
    engine = Engine(Venue(wire.url))
    await engine.start()
    made = on_wire(engine, wire)
    if request.param == "engine_without_listings":
        # Binance through the engine's connector alone, as every exchange without a Reading of its own.
        monkeypatch.setattr("trading.adapters.session.READINGS", {})
        made.listings = False
    await made.session.start()
    yield made
    await made.session.stop()
    await engine.stop()
    await wire.stop()


async def test_knows_the_rules_and_rounds_down(stage: Stage) -> None:
    session = stage.session
    assert session.ready() is None
    rule = session.trading_rules["BTC-USDT"]
    assert (rule.min_order_size, rule.min_price_increment, rule.min_notional_size) == (
        Decimal("0.0001"),
        Decimal("0.01"),
        Decimal(5),
    )
    assert session.quantize_amount("BTC-USDT", Decimal("0.00119999")) == Decimal("0.0011")
    assert session.quantize_price("BTC-USDT", Decimal("50000.019")) == Decimal("50000.01")
    assert set(session.order_types) == {OrderType.LIMIT, OrderType.LIMIT_MAKER, OrderType.MARKET}
    with pytest.raises(KeyError):
        session.quantize_amount("NO-PAIR", Decimal(1))


async def test_derives_one_order_id_from_one_command(stage: Stage) -> None:
    first, again, other = (stage.session.client_order_id(UUID(int=COMMAND.int + n)) for n in (0, 0, 1))
    assert first == again != other
    assert TOKEN.match(first)
    assert len(first) <= 37


async def test_places_fills_and_reports_in_exact_numbers(stage: Stage) -> None:
    order = stage.ticket()
    accepted = await stage.session.submit(order)
    assert isinstance(accepted, Accepted)
    await stage.fill(order.order_id, "0.0004", "49999.99")
    fill = await stage.told(Fill)
    assert (fill.order_id, fill.exchange_order_id) == (order.order_id, accepted.exchange_order_id)
    assert (fill.price, fill.amount, fill.side) == (Decimal("49999.99"), Decimal("0.0004"), Side.BUY)
    assert isinstance(fill.fee, Decimal)
    assert fill.time.tzinfo is not None
    report = await stage.told(OrderReport)
    executed = Decimal("0.0004") if stage.listings else None
    assert (report.order_id, report.status, report.executed) == (order.order_id, ReportStatus.PARTIALLY_FILLED, executed)
    known = replace(order, exchange_order_id=accepted.exchange_order_id)
    assert [f.trade_id for f in await stage.session.fills_of(known)] == [fill.trade_id]
    asked = await stage.session.order_report(known)
    assert (asked.status, asked.executed, asked.exchange_order_id) == (
        ReportStatus.PARTIALLY_FILLED,
        executed,
        accepted.exchange_order_id,
    )


async def test_tells_that_an_order_can_be_sent_at_once(stage: Stage) -> None:
    assert stage.session.order_wait(ahead=0) == 0
    assert stage.session.order_wait(ahead=3) == 0


async def test_lists_what_the_account_has(stage: Stage) -> None:
    since = datetime.now(UTC) - timedelta(hours=30)
    order = stage.ticket()
    accepted = await stage.session.submit(order)
    assert isinstance(accepted, Accepted)
    await stage.silent_fill(order.order_id, "0.0001", "50000")
    open_orders = await stage.session.open_orders()
    if not stage.listings:
        assert open_orders is None
        assert await stage.session.trades_since("BTC-USDT", since) is None
        assert await stage.session.orders_since("BTC-USDT", since) is None
        return
    assert open_orders is not None
    assert [(o.client_order_id, o.amount, o.executed, o.price) for o in open_orders] == [
        (order.order_id, Decimal("0.0011"), Decimal("0.0001"), Decimal("50000.01"))
    ]
    trades = await stage.session.trades_since("BTC-USDT", since)
    assert trades is not None
    assert [(t.exchange_order_id, t.amount, t.order_id) for t in trades] == [
        (accepted.exchange_order_id, Decimal("0.0001"), None)
    ]
    orders = await stage.session.orders_since("BTC-USDT", since)
    assert orders is not None
    assert [o.client_order_id for o in orders] == [order.order_id]


async def test_cancels_once_and_is_refused_the_second_time(stage: Stage) -> None:
    order = stage.ticket()
    assert isinstance(await stage.session.submit(order), Accepted)
    assert isinstance(await stage.session.cancel(order), Accepted)
    report = await stage.told(OrderReport)
    assert (report.order_id, report.status) == (order.order_id, ReportStatus.CANCELLED)
    refused = await stage.session.cancel(order)
    assert isinstance(refused, Refused)
    assert "Unknown order sent" in refused.reason


async def test_tells_a_refusal_in_the_exchanges_words(stage: Stage) -> None:
    stage.refuse()
    order = stage.ticket()
    refused = await stage.session.submit(order)
    assert isinstance(refused, Refused)
    assert refused.reason == "Account has insufficient balance for requested action. (-2010)"
    assert (await stage.session.order_report(order)).status is ReportStatus.NOT_FOUND


async def test_a_lost_answer_is_unproven_and_the_order_is_there(stage: Stage) -> None:
    stage.lose_answer()
    order = stage.ticket()
    assert isinstance(await stage.session.submit(order), Unproven)
    assert stage.known() == [order.order_id]
    assert (await stage.session.order_report(order)).status is ReportStatus.OPEN


async def test_a_lost_request_is_unproven_and_no_order_is_there(stage: Stage) -> None:
    stage.lose_request()
    order = stage.ticket()
    assert isinstance(await stage.session.submit(order), Unproven)
    assert (await stage.session.order_report(order)).status is ReportStatus.NOT_FOUND
    assert await stage.session.fills_of(order) == []


async def test_tells_when_the_stream_was_cut(stage: Stage) -> None:
    await stage.cut_stream()
    assert (await stage.told(Disconnected)).reason
    await stage.told(Reconnected)


async def test_tells_of_balances(stage: Stage) -> None:
    assert await stage.session.balances(refresh=True) == {"USDT": TokenBalance(Decimal(10000), Decimal(10000))}
    await stage.set_balance("USDT", "9000.00000001", "1000")
    await stage.told(BalancesChanged)
    assert (await stage.session.balances(refresh=False))["USDT"] == TokenBalance(
        Decimal("10000.00000001"), Decimal("9000.00000001")
    )


async def test_hears_of_adopted_orders_after_a_restart(stage: Stage) -> None:
    order = stage.ticket()
    accepted = await stage.session.submit(order)
    assert isinstance(accepted, Accepted)
    stage.session.forget(order.order_id)
    stage.session.adopt(replace(order, exchange_order_id=accepted.exchange_order_id))
    await stage.fill(order.order_id, "0.0011", "50000")
    assert (await stage.told(Fill)).order_id == order.order_id
    assert (await stage.told(OrderReport)).status is ReportStatus.FILLED


async def test_has_a_price(stage: Stage) -> None:
    price = await stage.session.price("BTC-USDT")
    assert price is not None
    assert price > 0
