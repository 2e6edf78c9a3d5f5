"""How an executor's position is closed at its end: by orders that net where positions do, and whatever little it is worth."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from contracts.trading import CloseType, ExecutorType, OrderCompleted, OrderFilled, PositionAction, PositionMode, Side
from executor_rig import PERPETUAL, ExecutorVenue, agrees
from fake_exchange import rule
from test_executor_orders import CREATED, Session, as_it_is, fill, placed, rejected
from trading.domain.executor import Close, Executor, FailStop
from trading.handlers import executor_close
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

    def fill_last(self, amount: Decimal | None = None, side: Side = Side.SELL) -> None:
        order_id, size = self.last(), amount or Decimal(self.amount)
        traded: OrderFilled = fill(order_id, str(size)).model_copy(update={"side": side, "trade_id": f"closing {order_id}"})
        done = OrderCompleted(order_id=order_id, filled_amount=size, average_price=Decimal(100))
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


@pytest.fixture
def _without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executor_close, "LONGEST_PAUSE", 0.01)


class Account:
    """A derivatives account with one position of a contract, and what the exchange says of it."""

    mode = PositionMode.ONEWAY

    def __init__(self, *amounts: str) -> None:
        self.amounts = amounts

    async def positions(self) -> list[Any]:
        return [SimpleNamespace(trading_pair="BTC-USDT", amount=Decimal(each)) for each in self.amounts]


@pytest.mark.usefixtures("_without_pauses")
async def test_what_nets_to_nothing_and_is_too_small_to_open_goes_by_a_round_trip() -> None:
    end = End(Account(), "0.01")
    await end.open()
    finished = end.finish()
    assert await end.sent(1) is PositionAction.CLOSE
    end.session.happens(end.last(), rejected(end.last()))
    assert await end.sent(2) is PositionAction.OPEN
    there = end.session.placed[2]
    # 5 at a price of 100, and a quarter more, and what is left.
    assert (there.side, there.amount) == (Side.SELL, Decimal("0.0725"))
    end.fill_last(there.amount)
    assert await end.sent(3) is PositionAction.OPEN
    back = end.session.placed[3]
    assert (back.side, back.amount) == (Side.BUY, Decimal("0.0625"))
    end.fill_last(back.amount, Side.BUY)
    closed = await finished
    assert (closed.reason, closed.held) == (None, ())


@pytest.mark.usefixtures("_without_pauses")
async def test_what_the_exchange_does_not_have_and_refuses_to_trade_is_told_and_ends() -> None:
    end = End(Account("-0.5"), "0.01")
    await end.open()
    finished = end.finish()
    for number, way in enumerate(("CLOSE", "OPEN", "CLOSE", "OPEN"), start=1):
        assert (await end.sent(number)).value == way
        end.session.happens(end.last(), rejected(end.last()))
    told = "too small to trade: +0.01 on BTC-USDT at binance, netted with other positions of the account"
    assert (await finished).reason == told


@pytest.mark.usefixtures("_without_pauses")
async def test_what_the_exchange_has_is_tried_on_and_on() -> None:
    end = End(Account("0.01"), "0.01")
    await end.open()
    finished = end.finish()
    for number in range(1, 9):
        await end.sent(number)
        end.session.happens(end.last(), rejected(end.last()))
    assert await end.sent(9) is PositionAction.CLOSE
    end.fill_last()
    assert (await finished).reason is None


@pytest.mark.timeout(400)
async def test_two_small_positions_that_net_to_nothing_both_end_with_nothing_left(venue: ExecutorVenue) -> None:
    """Each was opened when it was worth enough, and is worth too little when it ends."""
    barriers = {"triple_barrier_config": {"open_order_type": "MARKET", "stop_loss": "0.5"}}
    both = [
        await venue.create("SOL", connector=PERPETUAL, type="position_executor", side=side, amount="0.03", **barriers)
        for side in ("BUY", "SELL")
    ]
    for executor_id in both:
        await venue.until_filled(executor_id)
    await venue.price("SOL", "150")
    for executor_id in both:
        await venue.end(executor_id)
    for executor_id in both:
        closed = await agrees(venue, executor_id)
        assert closed.reason is None
        assert not any((await venue.traded(executor_id)).base.values())
    positions = (await venue.ledger())["futures"]["positions"]
    assert [each for each in positions if Decimal(str(each["positionAmt"]))] == []
