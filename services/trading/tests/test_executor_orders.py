"""An executor's orders on their way out and back: what waits, what is withdrawn, what failed and exists all the same."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from contracts.message import Event, Metadata
from contracts.rejections import Unavailable
from contracts.trading import (
    CancelOrder,
    ExecutorCreated,
    ExecutorType,
    Market,
    OrderCancelled,
    OrderFilled,
    OrderOutcomeResolved,
    OrderPlaced,
    OrderRateExceeded,
    OrderRejected,
    OrderStatus,
    OrderSubmitted,
    OrderType,
    PlaceOrder,
    Side,
)
from trading.adapters.executor_orders import Placed, Wanted
from trading.domain.executor_orders import Picture, Role
from trading.handlers.executor_orders import OrderBook
from trading.handlers.executor_posts import Post
from trading.handlers.executor_telling import tell

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
BUY = Wanted("binance", "BTC-USDT", "BUY", "LIMIT", Decimal(2), Decimal(100), "OPEN")
CREATED = ExecutorCreated(
    executor_id="e1",
    executor_type=ExecutorType.TWAP,
    account="main",
    controller_id="main",
    markets=(Market(connector="binance", trading_pair="BTC-USDT"),),
    config={},
    time=NOW,
)


class Session:
    """As much of a session as an executor's orders meet: its log, and a desk whose answers are prepared."""

    def __init__(self) -> None:
        self.events: dict[str, list[Event]] = defaultdict(list)
        self.answers: list[Exception] = []
        self.placed: list[PlaceOrder] = []
        self.cancelled: list[str] = []
        self.asked_for: list[str] = []
        self.heard: dict[str, Callable[[], None]] = {}
        self.exchange = SimpleNamespace(client_order_id=lambda key: f"o{key.hex[:8]}")
        self.connector = "binance"

    def held(self) -> bool:
        return True

    async def read(self, stream: str) -> list[Any]:
        order_id = stream.removeprefix("trading.order-")
        return [SimpleNamespace(event=event, recorded_at=NOW) for event in self.events[order_id]]

    def happens(self, order_id: str, *events: Event) -> None:
        self.events[order_id] += events
        if (hear := self.heard.get(order_id)) is not None:
            hear()

    async def place(self, command: PlaceOrder, metadata: Metadata) -> Any:
        if self.answers:
            raise self.answers.pop(0)
        self.placed.append(command)
        self.happens(self.exchange.client_order_id(metadata.message_id), intent(metadata.message_id, command))

    async def cancel(self, command: CancelOrder, _metadata: Metadata) -> Any:
        self.cancelled.append(command.order_id)

    async def read_executions(self, order_id: str) -> None:
        self.asked_for.append(order_id)
        if self.answers:
            raise self.answers.pop(0)


class Told:
    """An executor that notes what it is told."""

    def __init__(self) -> None:
        self.kinds: list[tuple[str, str]] = []

    def tell(self, kind: str, _order: Placed | None, order_id: str, _wanted: Wanted) -> None:
        self.kinds.append((kind, order_id))


def intent(key: UUID, command: PlaceOrder) -> OrderPlaced:
    return OrderPlaced(
        order_id=f"o{key.hex[:8]}",
        account="main",
        connector="binance",
        trading_pair="BTC-USDT",
        side=command.side,
        order_type=OrderType(command.order_type),
        amount=command.amount,
        price=command.price,
        requested_amount=command.amount,
        requested_price=command.price,
    )


def fill(order_id: str, amount: str) -> OrderFilled:
    return OrderFilled(
        order_id=order_id,
        trade_id=f"t{amount}",
        exchange_order_id="1",
        account="main",
        connector="binance",
        trading_pair="BTC-USDT",
        side=Side.BUY,
        order_type=OrderType.LIMIT,
        price=Decimal(100),
        amount=Decimal(amount),
        fee=Decimal(0),
        fee_token="USDT",
        time=NOW,
    )


def rejected(order_id: str) -> OrderRejected:
    return OrderRejected(order_id=order_id, reason="not found", evidence="asked")


async def as_it_is(order: Picture) -> Picture:
    return order


def book(session: Session) -> OrderBook:
    post = Post(session, session)  # type: ignore[arg-type]
    return OrderBook(session, {"binance": post}, CREATED, 0, as_it_is)  # type: ignore[arg-type]


async def until(check: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not check():  # noqa: ASYNC110 - any state may be waited for
            await asyncio.sleep(0.01)


async def placed(orders: OrderBook, session: Session) -> str:
    order_id = orders.place(BUY)
    orders.send(orders.take())
    await until(lambda: order_id in orders.changed)
    return order_id


async def test_an_order_waits_for_its_place_in_the_rate_limits() -> None:
    session, told = Session(), Told()
    session.answers = [OrderRateExceeded("too many", retry_after=0), Unavailable("not ready")]
    orders = book(session)
    order_id = await placed(orders, session)
    await tell(told, orders)
    assert len(session.placed) == 1
    assert told.kinds == []
    assert order_id in orders.followed


async def test_what_is_cancelled_before_it_left_never_leaves() -> None:
    session, told = Session(), Told()
    session.answers = [OrderRateExceeded("too many", retry_after=60)]
    orders = book(session)
    order_id = orders.place(BUY)
    orders.send(orders.take())
    await until(lambda: not session.answers)
    orders.cancel(order_id)
    orders.send(orders.take())
    await until(lambda: order_id in orders.changed)
    await tell(told, orders)
    assert told.kinds == [("cancelled", order_id)]
    assert session.placed == []
    assert session.cancelled == []


async def test_an_order_asked_for_and_cancelled_at_once_never_leaves() -> None:
    session, told = Session(), Told()
    orders = book(session)
    order_id = orders.place(BUY)
    orders.cancel(order_id)
    orders.send(orders.take())
    await until(lambda: order_id in orders.changed)
    await tell(told, orders)
    assert told.kinds == [("cancelled", order_id)]
    assert session.placed == []


async def test_an_order_that_cannot_be_asked_for_fails() -> None:
    session, told = Session(), Told()
    orders = book(session)
    order_id = orders.place(Wanted("binance", "BTC-USDT", "BUY", "AMM_SWAP", Decimal(1), None, "OPEN"))
    orders.send(orders.take())
    await until(lambda: order_id in orders.changed)
    await tell(told, orders)
    assert told.kinds == [("failed", order_id)]


async def test_a_cancelled_order_is_told_with_all_its_executions() -> None:
    session, told = Session(), Told()
    orders = book(session)
    order_id = await placed(orders, session)
    session.answers = [Unavailable("not listed yet")]
    submitted = OrderSubmitted(order_id=order_id, exchange_order_id="1", time=NOW)
    session.happens(order_id, submitted, OrderCancelled(order_id=order_id, reason="", time=NOW))
    await tell(told, orders)
    assert told.kinds == [("created", order_id)]
    session.happens(order_id, fill(order_id, "1"))
    await until(lambda: orders.followed[order_id].complete)
    await tell(told, orders)
    assert told.kinds == [("created", order_id), ("filled", order_id), ("cancelled", order_id)]
    assert orders.followed == {}


async def test_a_failed_order_that_exists_is_cancelled_and_undone() -> None:
    session, told = Session(), Told()
    orders = book(session)
    order_id = await placed(orders, session)
    session.happens(order_id, rejected(order_id))
    await tell(told, orders)
    assert told.kinds == [("failed", order_id)]
    assert orders.seen[order_id] == {"created": False, "fills": 0, "role": "failed"}
    exists = OrderOutcomeResolved(order_id=order_id, exchange_order_id="1", status=OrderStatus.OPEN, evidence="asked")
    session.happens(order_id, exists)
    await tell(told, orders)
    assert orders.take() == [(order_id, False)]
    session.happens(order_id, fill(order_id, "0.5"), OrderCancelled(order_id=order_id, reason="", time=NOW))
    await tell(told, orders)
    await until(lambda: orders.followed[order_id].complete)
    await tell(told, orders)
    orders.send(orders.take())
    await until(lambda: len(session.placed) == 2)
    back = session.placed[1]
    assert (back.side, back.order_type, back.amount) == (Side.SELL, OrderType.MARKET, Decimal("0.5"))
    assert told.kinds == [("failed", order_id)]
    assert [each.seen.role for each in orders.followed.values()] == [Role.OURS]


async def test_a_failure_is_doubted_after_a_restart_too() -> None:
    session, told = Session(), Told()
    orders = book(session)
    order_id = await placed(orders, session)
    session.happens(order_id, rejected(order_id))
    await tell(told, orders)
    kept = orders.failed[order_id]
    await orders.close()
    session.happens(order_id, fill(order_id, "2"))
    again = book(session)
    again.doubt(order_id, kept)
    again.changed.add(order_id)
    await tell(told, again)
    assert again.followed[order_id].seen.role is Role.RISEN
    assert told.kinds == [("failed", order_id)]


async def test_a_crash_in_the_background_is_raised_in_the_loop() -> None:
    session = Session()
    session.answers = [RuntimeError("broken")]
    orders = book(session)
    order_id = orders.place(BUY)
    orders.send(orders.take())
    await asyncio.wait_for(orders.news.wait(), 30)
    with pytest.raises(RuntimeError, match="broken"):
        orders.check()
    assert order_id in orders.followed
