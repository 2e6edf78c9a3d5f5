"""Binance's wire at its edges: what is proven when answers are odd, paging, start and stop, and what must not be logged."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from binance_wire import KEY, SECRET, BinanceWire, now, symbol_row
from contracts.accounts import CredentialRefused
from contracts.rejections import Unavailable
from contracts.trading import OrderType, Side
from engine_kit.engine import Engine
from engine_kit.venue import Venue
from trading.adapters import sending
from trading.adapters.markets import Markets
from trading.adapters.session import EngineExchanges, EngineSession
from trading.handlers.exchange import Accepted, Fill, OrderReport, OrderTicket, Refused, ReportStatus, Unproven

GOOD = {"binance_api_key": KEY, "binance_api_secret": SECRET}


@pytest.fixture
async def wire() -> AsyncIterator[BinanceWire]:
    made = BinanceWire()
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def exchanges(wire: BinanceWire) -> AsyncIterator[EngineExchanges]:
    engine = Engine(Venue(wire.url))
    await engine.start()
    yield EngineExchanges(engine, Markets(engine))
    await engine.stop()


@pytest.fixture
async def session(exchanges: EngineExchanges) -> AsyncIterator[EngineSession]:
    made = exchanges.session("master_account", "binance", GOOD)
    await made.start()
    yield made
    await made.stop()


def ticket(session: EngineSession, kind: OrderType = OrderType.LIMIT) -> OrderTicket:
    return OrderTicket(
        order_id=session.client_order_id(uuid4()),
        trading_pair="BTC-USDT",
        side=Side.SELL,
        order_type=kind,
        amount=Decimal("0.0011"),
        price=None if kind is OrderType.MARKET else Decimal("50000.01"),
        placed_at=datetime.now(UTC),
    )


@pytest.mark.parametrize(
    "fault",
    [
        (500, '{"code":-1000,"msg":"An unknown error occurred while processing the request."}'),
        (503, '{"code":-1008,"msg":"Server is currently overloaded with other requests."}'),
        (503, "Unknown error, please check your request or try again later."),
        (400, '{"code":-1007,"msg":"Timeout waiting for response from backend server."}'),
        (400, '{"code":-2010,"msg":"Duplicate order sent."}'),
        (200, "{}"),
        (200, "not json"),
        (504, "<html>gateway</html>"),
        (403, "<html>firewall</html>"),
        "drop",
        "drop_after",
    ],
)
async def test_odd_answers_to_a_submit_prove_nothing(session: EngineSession, wire: BinanceWire, fault: object) -> None:
    wire.faults.append(fault)
    order = ticket(session)
    assert isinstance(await session.submit(order), Unproven)
    assert wire.requests.count("POST /order") == 1
    there = (await session.order_report(order)).status
    assert there is (ReportStatus.OPEN if fault == "drop_after" else ReportStatus.NOT_FOUND)


@pytest.mark.parametrize("fault", [(500, '{"code":-1000,"msg":"Unknown."}'), (502, ""), (200, "{}"), "drop_after"])
async def test_odd_answers_to_a_cancel_prove_nothing(session: EngineSession, wire: BinanceWire, fault: object) -> None:
    order = ticket(session)
    assert isinstance(await session.submit(order), Accepted)
    wire.faults.append(fault)
    assert isinstance(await session.cancel(order), Unproven)
    assert wire.requests.count("DELETE /order") == 1


async def test_a_rate_limit_answer_is_a_refusal(session: EngineSession, wire: BinanceWire) -> None:
    wire.faults.append((429, '{"code":-1015,"msg":"Too many new orders."}'))
    refused = await session.submit(ticket(session))
    assert isinstance(refused, Refused)
    assert refused.reason == "Too many new orders. (-1015)"


async def test_a_clock_error_is_repaired_and_the_order_sent_once(session: EngineSession, wire: BinanceWire) -> None:
    wire.faults.append((400, '{"code":-1021,"msg":"Timestamp for this request is outside of the recvWindow."}'))
    order = ticket(session)
    assert isinstance(await session.submit(order), Accepted)
    assert list(wire.orders) == [order.order_id]


async def test_no_answer_in_time_is_unproven(
    session: EngineSession, wire: BinanceWire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "SEND_SECONDS", 0.2)
    wire.hold = asyncio.Event()
    unproven = await session.submit(ticket(session))
    assert isinstance(unproven, Unproven)
    assert unproven.reason == "the exchange did not answer in time"
    wire.hold.set()


async def test_an_exchange_that_cannot_be_reached_was_not_told(session: EngineSession, wire: BinanceWire) -> None:
    await wire.stop()
    refused = await session.submit(ticket(session))
    assert isinstance(refused, Refused)
    assert refused.reason.startswith("nothing was sent")
    assert isinstance(await session.cancel(ticket(session)), Unproven)
    with pytest.raises(Unavailable):
        await session.order_report(ticket(session))


async def test_our_own_cancellation_goes_on(session: EngineSession, wire: BinanceWire) -> None:
    wire.hold = asyncio.Event()
    sending = asyncio.create_task(session.submit(ticket(session)))
    await asyncio.sleep(0.1)
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    wire.hold.set()


async def test_market_orders_carry_no_price(session: EngineSession, wire: BinanceWire) -> None:
    order = ticket(session, OrderType.MARKET)
    assert isinstance(await session.submit(order), Accepted)
    sent = wire.orders[order.order_id]
    assert (sent["origQty"], sent["price"], sent["type"]) == ("0.0011", "0.00000000", "MARKET")


async def test_fills_carry_the_exchanges_own_numbers(session: EngineSession, wire: BinanceWire) -> None:
    order = ticket(session)
    accepted = await session.submit(order)
    assert isinstance(accepted, Accepted)
    trade = await wire.fill(order.order_id, "0.0003", "50000.123456789012345", maker=False)
    fill = await next_of(session, Fill)
    assert (fill.price, fill.amount) == (Decimal("50000.123456789012345"), Decimal("0.0003"))
    assert (fill.fee, fill.fee_token, fill.is_maker) == (Decimal("0.00000123"), "BNB", False)
    assert fill.trade_id == str(trade["id"])
    assert fill.time.microsecond % 1000 == 0


async def test_an_expired_order_is_off_the_book(session: EngineSession, wire: BinanceWire) -> None:
    order = ticket(session)
    assert isinstance(await session.submit(order), Accepted)
    row = wire.orders[order.order_id]
    row["status"] = "EXPIRED"
    await wire.report(row, "EXPIRED")
    report = await next_of(session, OrderReport)
    assert (report.status, report.reason) == (ReportStatus.CANCELLED, "EXPIRED")
    assert (await session.order_report(order)).status is ReportStatus.CANCELLED


async def test_an_unreadable_push_does_not_stop_the_next(session: EngineSession, wire: BinanceWire) -> None:
    await wire.push({"e": "executionReport", "x": "TRADE"})
    await wire.push({"e": "somethingNew"})
    order = ticket(session)
    await session.submit(order)
    await wire.fill(order.order_id, "0.0011", "50000")
    assert (await next_of(session, Fill)).order_id == order.order_id


async def test_lists_trades_over_pages_and_days(session: EngineSession, wire: BinanceWire) -> None:
    day = 24 * 3600 * 1000
    first = now() - 4 * day
    for number in range(2500):
        wire.trades.append(
            {
                "id": number + 1,
                "symbol": "BTCUSDT",
                "orderId": 7,
                "price": "50000",
                "qty": "0.001",
                "commission": "0",
                "commissionAsset": "BTC",
                "time": first + number * 100_000,
                "isBuyer": True,
                "isMaker": True,
            }
        )
    everything = await session.trades_since("BTC-USDT", datetime.now(UTC) - timedelta(days=6))
    assert everything is not None
    assert [int(fill.trade_id) for fill in everything] == list(range(1, 2501))
    recent = await session.trades_since("BTC-USDT", datetime.fromtimestamp((first + 2400 * 100_000) / 1000, UTC))
    assert recent is not None
    assert [int(fill.trade_id) for fill in recent] == list(range(2401, 2501))
    assert await session.trades_since("BTC-USDT", datetime.now(UTC) - timedelta(minutes=1)) == []


async def test_start_tells_a_wrong_key_from_a_dead_exchange(
    exchanges: EngineExchanges, wire: BinanceWire, caplog: pytest.LogCaptureFixture
) -> None:
    wrong = exchanges.session("a", "binance", {**GOOD, "binance_api_secret": "hunter2-secret"})
    with pytest.raises(CredentialRefused, match="-1022"):
        await wrong.start()
    assert wrong.ready() == "not started"
    await wire.stop()
    dead = exchanges.session("a", "binance", {**GOOD, "binance_api_key": "hunter2-key"})
    with pytest.raises(Unavailable):
        await dead.start()
    await dead.stop()
    assert "hunter2" not in caplog.text + repr(wrong) + repr(dead) + str(wrong.__dict__.get("_told"))


async def test_many_sessions_share_one_listing(exchanges: EngineExchanges, wire: BinanceWire) -> None:
    wire.symbols = [symbol_row(f"C{number}", "USDT") for number in range(3000)] + wire.symbols
    made = [exchanges.session(f"a{number}", "binance", GOOD) for number in range(20)]
    await asyncio.gather(*(one.start() for one in made))
    assert wire.requests.count("GET /exchangeInfo") == 1
    assert all(len(one.trading_rules) == 3002 for one in made)
    await asyncio.gather(*(one.stop() for one in made))


async def next_of[T](session: EngineSession, kind: type[T]) -> T:
    async with asyncio.timeout(30):
        while True:
            update = await session.updates.get()
            if isinstance(update, kind):
                return update
