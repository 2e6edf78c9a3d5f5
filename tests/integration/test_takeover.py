"""An account with executors on spot and perpetual whose holder is killed, frozen or cut off: the other replica goes on at once.

The seconds it takes are told, not judged: `python -m bench.recovery` measures them.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from contracts.message import Metadata
from contracts.trading import (
    CreateExecutor,
    ExecutorAccepted,
    ExecutorClosed,
    ExecutorProgressed,
    ExecutorResumed,
    ExecutorStopping,
    StopExecutor,
)

from bench.chaos.reading import rows
from tests.ledger import ledger_books, our_books
from tests.replicas import ACCOUNT, CONNECTORS, FUTURES, REPLICAS, SPOT, Inside, inside, waits
from tests.safety.links import Links, ports_of
from tests.stack import PASSWORD, USERNAME, Stack, eventually, prepared

CUT_SECONDS = 25
"""The holder's lease, and the other one's taking it over, are over long before."""

pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def laid() -> Iterator[tuple[Stack, Links]]:
    """Two replicas that reach their servers through links; a session is settled after six seconds."""
    with prepared(HUMMINGBUS_TRADING_REPLICAS="2", TRADING_SETTLE_SECONDS="6") as stack:
        links = Links(stack)
        with links.laid(stack):
            stack.up()
            yield stack, links


@pytest.fixture(scope="module")
def stack(laid: tuple[Stack, Links]) -> Stack:
    return laid[0]


@pytest.fixture(scope="module")
def links(laid: tuple[Stack, Links]) -> Links:
    return laid[1]


@pytest.fixture(scope="module")
def api_key(stack: Stack) -> str:
    """The key of the account on both markets of the exchange."""
    keys = stack.sandbox_account()
    with httpx.Client(base_url=stack.url, auth=(USERNAME, PASSWORD), timeout=60) as client:
        client.post("/accounts/add-account", params={"account_name": ACCOUNT}).raise_for_status()
        for connector in CONNECTORS:
            credential = {f"{connector}_{name}": keys[name] for name in ("api_key", "api_secret")}
            client.post(f"/accounts/add-credential/{ACCOUNT}/{connector}", json=credential).raise_for_status()
        for connector in CONNECTORS:
            cancel = f"/trading/{ACCOUNT}/{connector}/orders/cancel-all"
            eventually(lambda: client.post(cancel).status_code == 200, "its session takes orders")  # noqa: B023
    return str(keys["api_key"])


def configs() -> Iterator[dict[str, Any]]:
    """On each market an order that is cancelled and placed anew with every move of the price, and an open position; and one on
    both markets.
    """
    for connector in CONNECTORS:
        market = {"connector_name": connector, "trading_pair": "BTC-USDT", "side": "BUY"}
        chases = {"distance": "0.02", "refresh_threshold": "0.00001"}
        yield {
            **market,
            "type": "order_executor",
            "amount": "0.01",
            "execution_strategy": "LIMIT_CHASER",
            "chaser_config": chases,
        }
        barriers = {"open_order_type": "MARKET", "time_limit": 3600}
        yield {**market, "type": "position_executor", "amount": "0.01", "triple_barrier_config": barriers}
    buying, selling = ({"connector_name": each, "trading_pair": "ETH-USDT"} for each in CONNECTORS)
    both = {"buying_market": buying, "selling_market": selling}
    profits = {"min_profitability": "0.01", "target_profitability": "0.03", "max_profitability": "0.05"}
    yield {**both, "type": "xemm_executor", "maker_side": "BUY", "order_amount": "0.1", **profits}


class Written:
    """What a process has written to the exchange that changes something there, since it was watched."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._ports: dict[int, bool] = {}
        self.requests: list[tuple[float, str]] = []

    def hear(self, port: int, data: bytes) -> None:
        """In the links' thread. A frozen process still has its connections."""
        line = data.partition(b"\r\n")[0]
        if line.startswith((b"POST ", b"PUT ", b"DELETE ")) and self._own(port):
            self.requests.append((time.monotonic(), line.partition(b"?")[0].decode()))

    def since(self, moment: float) -> list[str]:
        """Its requests from then on."""
        return [line for at, line in self.requests if at >= moment]

    def _own(self, port: int) -> bool:
        if port not in self._ports:
            self._ports[port] = port in ports_of(self._pid)
        return self._ports[port]


@asynccontextmanager
async def harmed(how: str, pid: int, links: Links) -> AsyncIterator[None]:
    """The holder is killed, or frozen or cut off from the bus until the end of the block."""
    if how == "killed":
        os.kill(pid, signal.SIGKILL)
        yield
    elif how == "frozen":
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(pid, signal.SIGCONT)
    else:
        cutting = asyncio.create_task(links.cut("trading from nats", CUT_SECONDS, silent=True, process=pid))
        try:
            yield
        finally:
            await cutting


@pytest.mark.parametrize("how", ["killed", "frozen", "cut off"])
async def test_the_other_replica_goes_on_and_the_returned_one_does_nothing(
    stack: Stack, links: Links, api_key: str, how: str, record_property: Any
) -> None:
    stack.wait_ready()
    async with inside(stack) as seen:
        ids = await created(seen)
        pid = await seen.holder()
        assert pid is not None
        assert pid == await seen.holder(FUTURES)
        name = next(name for name in REPLICAS if stack.processes()[name]["pid"] == pid)
        written = Written(pid)
        links.hear("trading from sandbox-exchange", written.hear)
        await chased(seen, ids, 1)
        assert written.requests, "what the holder sends is heard"
        began = time.monotonic()
        async with harmed(how, pid, links):
            sessions, executors = await taken_over(seen, name, ids)
            lost = time.monotonic()
            told = f"{how}: its sessions moved within {sessions - began:.1f} s, its executors within {executors - began:.1f} s"
            print(told)  # noqa: T201 - a figure for whoever reads the test's output
            record_property("takeover", told)
            await chased(seen, ids, 1)
        await asyncio.to_thread(eventually, lambda: stack.processes()[name]["state"] == "ready", f"{name} is ready again")
        await asyncio.to_thread(eventually, lambda: waits(stack, name), f"{name} has let the account go")
        await chased(seen, ids, 2)
        assert await seen.holder() not in (pid, None)
        await ended(seen, ids)
        assert written.since(lost) == []
        await agreed(seen, api_key)


async def created(seen: Inside) -> list[str]:
    """The executors, each of which has an order."""
    ids = []
    for config in configs():
        command = CreateExecutor(account=ACCOUNT, executor_config=config)
        ids.append((await seen.bus.command(command, ExecutorAccepted, Metadata(), timeout=40)).executor_id)
    for executor_id in ids:
        await seen.until(executor_id, ExecutorProgressed, 1, lambda event: bool(event.placing))
    return ids


async def chased(seen: Inside, ids: list[str], count: int) -> None:
    """Until both chasers have replaced their orders so often from now on."""
    for executor_id in (ids[0], ids[2]):
        before = len([one for one in await seen.events(executor_id, ExecutorProgressed) if one.placing])
        await seen.until(executor_id, ExecutorProgressed, before + count, lambda event: bool(event.placing))


async def taken_over(seen: Inside, name: str, ids: list[str]) -> tuple[float, float]:
    """When both sessions were ready elsewhere, and when all executors had been taken up there."""
    old = "trading-1" if name == "trading" else name

    async def ready() -> float:
        query = "SELECT 1 FROM sessions WHERE account = $1 AND state = 'ready' AND holder <> $2"
        while len(await seen.log.fetch(query, ACCOUNT, old)) < len(CONNECTORS):  # noqa: ASYNC110 - other processes
            await asyncio.sleep(0.05)
        return time.monotonic()

    async def resumed(executor_id: str) -> float:
        await seen.until(executor_id, ExecutorResumed, 1, lambda each: each.holder != old)
        return time.monotonic()

    async with asyncio.timeout(90):
        sessions, *executors = await asyncio.gather(ready(), *map(resumed, ids))
    return sessions, max(executors)


async def ended(seen: Inside, ids: list[str]) -> None:
    """All are stopped, and closed what they had open."""
    for executor_id in ids:
        await seen.bus.command(StopExecutor(executor_id=executor_id), ExecutorStopping, Metadata(), timeout=40)
    for executor_id in ids:
        await seen.until(executor_id, ExecutorClosed, 1)
    await seen.settled()


async def agreed(seen: Inside, api_key: str) -> None:
    """Our books become the exchange's: every order there is ours, and none that we call taken is missing."""
    async with asyncio.timeout(90):
        while True:
            ledger = await asyncio.to_thread(seen.ledger, api_key)
            assert ledger["futures"]["positions"] == []
            theirs = {
                SPOT: ledger_books(ledger | {"balances": {}}),
                FUTURES: ledger_books(ledger["futures"] | {"balances": {}}),
            }
            ours = {connector: await books(seen, connector) for connector in CONNECTORS}
            if all(
                (ours[each].trades, taken(ours[each].orders)) == (theirs[each].trades, theirs[each].orders) for each in ours
            ):
                return
            await asyncio.sleep(0.5)


async def books(seen: Inside, connector: str) -> Any:
    filters = {"account_names": [ACCOUNT], "connector_names": [connector]}
    orders = await rows(seen.http, "/trading/orders/search", filters)
    return our_books(orders, await rows(seen.http, "/trading/trades", filters), {})


def taken(orders: dict[str, Any]) -> dict[str, Any]:
    """Those that the exchange must know."""
    return {order_id: order for order_id, order in orders.items() if order[0] != "FAILED"}
