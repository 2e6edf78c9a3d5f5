"""How an executor's position is closed at its end: by orders that net where positions do, and whatever little it is worth."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from contracts.trading import CloseType, ExecutorType, OrderCompleted, OrderFilled, PositionAction, PositionMode, Side
from fake_exchange import rule
from test_executor_orders import CREATED, Session, as_it_is, fill, placed, rejected
from trading.domain.executor import Close, Executor, FailStop
from trading.handlers.executor_close import Closing
from trading.handlers.executor_orders import OrderBook
from trading.handlers.executor_posts import Post

POSITION = CREATED.model_copy(update={"executor_type": ExecutorType.POSITION})


class Ended:
    """An executor whose class has ended."""

    close_type = CloseType.TIME_LIMIT

    def refresh(self, _order: Any) -> None:
        """Nothing to bring up to date."""

    def custom_info(self) -> dict[str, Any]:
        return {}


class End:
    """A position that was opened, and the end of its executor."""

    def __init__(self, derivative: Any, amount: str) -> None:
        self.session = Session()
        self.session.exchange.derivative = derivative
        self.session.exchange.trading_rules = {"BTC-USDT": rule("BTC-USDT")}
        self.session.exchange.quantize_amount = lambda _pair, each: each
        self.posts = {"binance": Post(self.session, self.session)}  # type: ignore[arg-type]
        self.orders = OrderBook(self.session, self.posts, POSITION, 0, as_it_is)  # type: ignore[arg-type]
        self.amount = amount
        self.failed: list[Any] = []

    async def open(self) -> None:
        order_id = await placed(self.orders, self.session)
        done = OrderCompleted(order_id=order_id, filled_amount=Decimal(self.amount), average_price=Decimal(100))
        self.session.happens(order_id, fill(order_id, self.amount), done)

    async def store(self) -> None:
        self.orders.send(self.orders.take())

    async def record(self, command: Any) -> None:
        self.failed.append(command)

    def finish(self) -> asyncio.Task[Close]:
        closing = Closing(POSITION, self.orders, self.posts, self.store)
        state = Executor(created=POSITION, orders=tuple(self.orders.followed))
        return asyncio.create_task(closing.finish(Ended(), lambda: state, self.record))  # type: ignore[arg-type]

    async def sent(self, number: int) -> PositionAction:
        """How the order of this number is sent."""
        async with asyncio.timeout(60):
            while len(self.session.placed) <= number:  # noqa: ASYNC110 - another task
                await asyncio.sleep(0.01)
        return self.session.placed[number].position_action

    def last(self) -> str:
        return next(reversed(self.orders.followed))

    def fill_last(self) -> None:
        order_id = self.last()
        traded: OrderFilled = fill(order_id, self.amount).model_copy(update={"side": Side.SELL, "trade_id": "closing"})
        done = OrderCompleted(order_id=order_id, filled_amount=Decimal(self.amount), average_price=Decimal(100))
        self.session.happens(order_id, traded, done)


async def test_it_nets_where_positions_do_and_reduces_when_that_is_refused() -> None:
    end = End(SimpleNamespace(mode=PositionMode.ONEWAY), "2")
    await end.open()
    finished = end.finish()
    assert await end.sent(1) is PositionAction.OPEN
    end.session.happens(end.last(), rejected(end.last()))
    assert await end.sent(2) is PositionAction.CLOSE
    assert isinstance(end.failed[0], FailStop)
    end.fill_last()
    assert (await finished).close_type is CloseType.TIME_LIMIT


@pytest.mark.parametrize(("mode", "amount"), [(PositionMode.HEDGE, "2"), (PositionMode.ONEWAY, "0.01")])
async def test_a_contract_is_closed_however_little_is_left(mode: PositionMode, amount: str) -> None:
    """One hundredth is worth 1, which is below the least of 5."""
    end = End(SimpleNamespace(mode=mode), amount)
    await end.open()
    finished = end.finish()
    assert await end.sent(1) is PositionAction.CLOSE
    end.fill_last()
    assert (await finished).reason is None


async def test_what_is_too_small_to_trade_on_a_spot_market_is_told() -> None:
    end = End(None, "0.01")
    await end.open()
    assert (await end.finish()).reason == "too small to trade: +0.01 on BTC-USDT at binance"
