"""Every method that the official client has for trading and executors is called here, or left out for a reason."""

from __future__ import annotations

import asyncio
import inspect
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from hummingbot_api_client import HummingbotAPIClient
from hummingbot_api_client.routers.executors import ExecutorsRouter
from hummingbot_api_client.routers.trading import TradingRouter
from hummingbot_api_client.ws import ExecutorsWebSocket

from tests.conformance.conftest import CONNECTOR, PAIR, Target
from tests.conformance.shapes import (
    EXECUTOR,
    EXECUTOR_CREATED,
    EXECUTOR_LOGS,
    EXECUTOR_PERFORMANCE,
    EXECUTOR_SUMMARY,
    FUNDING_PAYMENT,
    ORDER,
    PLACED,
    POSITION,
    POSITION_HOLD,
    TRADE,
    check,
    page,
)
from tests.eventual import eventual

pytestmark = pytest.mark.timeout(600)

LEFT_OUT = {
    "ExecutorsWebSocket.subscribe_all_bots_status": "bots are not built yet; test_executors_ws has its refusal",
}


class Called:
    """A part of the client that notes which of its methods are called."""

    def __init__(self, part: Any, notes: set[str]) -> None:
        self._part, self._notes = part, notes

    def __getattr__(self, name: str) -> Any:
        self._notes.add(f"{type(self._part).__name__}.{name}")
        return getattr(self._part, name)


def methods(*classes: type[Any]) -> Iterator[str]:
    """The public methods and properties of the client's classes, those they inherit too."""
    for each in classes:
        for name, member in inspect.getmembers(each):
            if not name.startswith("_") and (callable(member) or isinstance(member, property)):
                yield f"{each.__name__}.{name}"


@pytest.fixture(scope="module")
def notes() -> set[str]:
    """What the tests of this file called."""
    return set()


@asynccontextmanager
async def connected(target: Target) -> AsyncIterator[HummingbotAPIClient]:
    async with HummingbotAPIClient(target.url, target.username, target.password) as client:
        yield client


async def test_trading(target: Target, trader: str, notes: set[str], price: float) -> None:
    async with connected(target) as client:
        trading: Any = Called(client.trading, notes)
        placed = await trading.place_order(trader, CONNECTOR, PAIR, "BUY", 0.01, "LIMIT", int(price * 0.8))
        check(placed, PLACED)
        order_id = placed["order_id"]

        async def found(search: Callable[..., Awaitable[Any]], status: str) -> Any:
            answer = await search([trader], [CONNECTOR], [PAIR])
            check(answer, page(ORDER))
            return [each for each in answer["data"] if (each["order_id"], each["status"]) == (order_id, status)]

        await eventual(lambda: found(trading.get_active_orders, "OPEN"), "the order is open")
        assert await trading.cancel_order(trader, CONNECTOR, order_id)
        await eventual(lambda: found(trading.search_orders, "CANCELLED"), "the order is cancelled")
        await trading.place_order(trader, CONNECTOR, PAIR, "BUY", 0.001)

        async def trades() -> Any:
            answers = [await trading.get_trades([trader]), await trading.get_recent_trades(PAIR, trader, CONNECTOR, hours=1)]
            for answer in answers:
                check(answer, page(TRADE))
            return all(answer["data"] for answer in answers)

        await eventual(trades, "the trade is listed")


async def test_trading_of_perpetuals(target: Target, trader: str, futures: str, notes: set[str]) -> None:
    async with connected(target) as client:
        trading: Any = Called(client.trading, notes)
        mode = await trading.get_position_mode(trader, futures)
        assert mode == {"position_mode": "ONEWAY", "connector": futures, "account": trader}
        for wanted in ("HEDGE", "ONEWAY"):
            assert (await trading.set_position_mode(trader, futures, wanted))["status"] == "success"
            assert (await trading.get_position_mode(trader, futures))["position_mode"] == wanted
        assert (await trading.set_leverage(trader, futures, PAIR, 3))["status"] == "success"
        await trading.place_order(trader, futures, PAIR, "SELL", 0.01)

        async def positions() -> Any:
            both = [await trading.get_positions([trader], [futures]), await trading.get_open_positions(trader, futures)]
            for answer in both:
                check(answer, page(POSITION))
            return both[0]["data"] == both[1]["data"] and both[0]["data"]

        [position] = await eventual(positions, "the position is listed")
        assert (position["side"], position["amount"], position["leverage"]) == ("SHORT", -0.01, 3)
        await _funded(target, lambda: trading.get_funding_payments([trader], [futures], PAIR))
        await trading.place_order(trader, futures, PAIR, "BUY", 0.01, position_action="CLOSE")


async def _funded(target: Target, payments: Callable[[], Awaitable[Any]]) -> None:
    """A payment is listed once there was one; only a stack of our own settles when it is told to."""
    check(await payments(), page(FUNDING_PAYMENT))
    if target.stack is None:
        return
    target.stack.run("sandbox", "futures", "fund")

    async def listed() -> Any:
        answer = await payments()
        check(answer, page(FUNDING_PAYMENT))
        return answer["data"]

    assert (await eventual(listed, "the payment is listed"))[0]["trading_pair"] == PAIR


async def test_executors(target: Target, trader: str, notes: set[str]) -> None:
    controller = f"c_{secrets.token_hex(4)}"
    market = {"connector_name": CONNECTOR, "trading_pair": PAIR, "side": "BUY", "amount": "0.002"}
    async with connected(target) as client:
        executors: Any = Called(client.executors, notes)
        types = [each["type"] for each in (await executors.get_available_executor_types())["executor_types"]]
        assert (await executors.get_executor_config_schema(types[0]))["executor_type"] == types[0]
        config = {"type": "position_executor", **market, "triple_barrier_config": {"open_order_type": 1}}
        created = await executors.create_executor(config, trader, controller)
        check(created, EXECUTOR_CREATED)
        id_ = created["executor_id"]

        async def is_(status: str) -> Any:
            executor = await executors.get_executor(id_)
            check(executor, EXECUTOR)
            return executor["status"] == status and executor["filled_amount_quote"] > 0

        await eventual(lambda: is_("RUNNING"), "its position is open")
        check(await executors.get_summary(), EXECUTOR_SUMMARY)
        found = await executors.search_executors([trader], [CONNECTOR], [PAIR], ["position_executor"], "RUNNING", [controller])
        check(found, page(EXECUTOR))
        assert [each["executor_id"] for each in found["data"]] == [id_]
        await executors.stop_executor(id_, keep_position=True)
        await eventual(lambda: is_("TERMINATED"), "it has ended")
        check(await executors.get_executor_logs(id_, 10, "INFO"), EXECUTOR_LOGS)

        async def held() -> Any:
            return (await executors.get_positions_summary(controller))["positions"]

        await eventual(held, "its position is held")
        check(await executors.get_position_held(CONNECTOR, PAIR, trader, controller), POSITION_HOLD)
        report = await executors.get_performance_report(controller)
        check(report, EXECUTOR_PERFORMANCE)
        assert report["total_executors"] == 1
        await executors.clear_position_held(CONNECTOR, PAIR, trader, controller)
        assert await held() == []


SUBSCRIPTIONS: list[Callable[[Any], Awaitable[str]]] = [
    lambda socket: socket.subscribe_executors(filters={"account_name": "nobody"}),
    lambda socket: socket.subscribe_executor_detail("no_such_executor"),
    lambda socket: socket.subscribe_executor_summary(),
    lambda socket: socket.subscribe_performance(),
    lambda socket: socket.subscribe_positions(),
    lambda socket: socket.subscribe_executor_logs("no_such_executor"),
]


async def test_the_socket_of_executors(target: Target, notes: set[str]) -> None:
    """One subscription on each: the client takes whatever comes next for the answer to a second one."""
    for subscribe in SUBSCRIPTIONS:
        async with asyncio.timeout(60), connected(target) as client, client.ws.executors() as opened:
            socket: Any = Called(opened, notes)
            assert socket.connection_id
            assert not socket.closed
            assert (await socket.ping())["type"] == "pong"
            subscribed = await subscribe(socket)
            received: dict[str, Any] = {}
            while received.get("subscription_id") != subscribed:
                received = await socket.receive()
                assert received["type"] != "error", received
            await socket.unsubscribe(subscribed)
            await socket.close()
            assert socket.closed


def test_no_method_is_left_out(notes: set[str]) -> None:
    """Runs last: a method that a newer client has is either called above or named in LEFT_OUT."""
    known = set(methods(TradingRouter, ExecutorsRouter, ExecutorsWebSocket))
    assert known - notes == LEFT_OUT.keys()
