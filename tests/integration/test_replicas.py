"""Two trading replicas: whatever happens to the one that holds a session, the other goes on, and only one ever acts."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator

import httpx
import pytest
from contracts.message import Metadata
from contracts.trading import CreateExecutor, ExecutorAccepted, ExecutorProgressed, ExecutorResumed

from tests.replicas import ACCOUNT, DEADLINE, REPLICAS, SPOT, Inside, inside, waits
from tests.stack import PASSWORD, USERNAME, Stack, eventually, running

ORDER = {
    "account_name": ACCOUNT,
    "connector_name": SPOT,
    "trading_pair": "BTC-USDT",
    "trade_type": "BUY",
    "amount": "0.001",
    "order_type": "LIMIT",
    "price": "20000",
}
SENT = 90
"""Orders that the engine's limiter lets through in ten seconds; the others wait."""
SESSIONS = 7
"""Of all accounts together."""

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """Two replicas whose sessions let orders wait for the rate limit; a session is settled after six seconds."""
    with running(HUMMINGBUS_TRADING_REPLICAS="2", TRADING_ORDER_PATIENCE="10", TRADING_SETTLE_SECONDS="6") as started:
        yield started


@pytest.fixture(scope="module")
def api_key(stack: Stack) -> str:
    """The key of the account on the exchange; its session takes orders."""
    keys = stack.sandbox_account(USDT="1000000")
    with httpx.Client(base_url=stack.url, auth=(USERNAME, PASSWORD), timeout=60) as client:
        client.post("/accounts/add-account", params={"account_name": ACCOUNT}).raise_for_status()
        credential = {"binance_api_key": keys["api_key"], "binance_api_secret": keys["api_secret"]}
        client.post(f"/accounts/add-credential/{ACCOUNT}/{SPOT}", json=credential).raise_for_status()
        eventually(lambda: client.post("/trading/orders", json=ORDER | {"trading_pair": "NO-SUCH"}).status_code == 400, "ready")
    return str(keys["api_key"])


async def test_accounts_are_shared_by_the_replicas_and_none_is_split(stack: Stack, api_key: str) -> None:
    keys = stack.sandbox_account(USDT="1000")
    async with inside(stack) as seen:
        for number in range(3):
            name = f"other-{number}"
            (await seen.http.post("/accounts/add-account", params={"account_name": name})).raise_for_status()
            for connector in ("binance", "binance_perpetual"):
                credential = {f"{connector}_api_key": keys["api_key"], f"{connector}_api_secret": keys["api_secret"]}
                (await seen.http.post(f"/accounts/add-credential/{name}/{connector}", json=credential)).raise_for_status()
        async with asyncio.timeout(90):
            while await seen.ready() < SESSIONS or not shared(await seen.holders()):  # noqa: ASYNC110 - other processes
                await asyncio.sleep(0.2)


async def executor(seen: Inside) -> str:
    """A position executor whose limit order waits far below the market."""
    config = {"type": "position_executor", "connector_name": SPOT, "trading_pair": "BTC-USDT", "side": "BUY"}
    barriers = {"open_order_type": "LIMIT", "time_limit": 3600}
    wanted = {**config, "amount": "0.001", "entry_price": "21000", "triple_barrier_config": barriers}
    command = CreateExecutor(account=ACCOUNT, executor_config=wanted)
    accepted = await seen.bus.command(command, ExecutorAccepted, Metadata(), timeout=40)
    await seen.until(accepted.executor_id, ExecutorProgressed, 1, lambda event: bool(event.placing))
    return accepted.executor_id


async def place(seen: Inside, key: str) -> str:
    """Place one order, repeating the same request until it is taken; its id."""
    async with asyncio.timeout(DEADLINE):
        while True:
            try:
                answer = await seen.http.post("/trading/orders", json=ORDER, headers={"Idempotency-Key": key})
            except httpx.TransportError:
                continue
            if answer.status_code == 201:
                return str(answer.json()["order_id"])
            assert answer.status_code in (409, 429, 503, 504), answer.text
            await asyncio.sleep(0.1)


async def there(seen: Inside, api_key: str) -> set[str]:
    """The ids of the spot orders in the exchange's own books."""
    ledger = await asyncio.to_thread(seen.ledger, api_key)
    return {each["clientOrderId"] for each in ledger["orders"]}


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
async def test_sessions_and_executors_move_when_their_holder_ends(stack: Stack, api_key: str, how: signal.Signals) -> None:
    async with inside(stack) as seen:
        executor_id = await executor(seen)
        holder = await seen.holder()
        assert holder is not None
        before = set(await asyncio.gather(*(place(seen, f"{how.name}-before-{number}") for number in range(5))))
        # These meet the end of the holder at every point of their way.
        placing = [asyncio.create_task(place(seen, f"{how.name}-during-{number}")) for number in range(20)]
        await asyncio.sleep(0)
        os.kill(holder, how)
        await seen.moved_from(holder)
        during = set(await asyncio.gather(*placing))
        await seen.until(executor_id, ExecutorResumed, 1)
        await seen.settled()
        taken = await there(seen, api_key)
        assert before <= taken
        states = await order_states(seen, during)
        assert {order_id for order_id, status in states.items() if status == "OPEN"} == during & taken
        stack.wait_ready()
        eventually(lambda: all(stack.processes()[name]["state"] == "ready" for name in REPLICAS), "both replicas are ready")


async def test_a_holder_that_was_stopped_and_resumed_sends_nothing(stack: Stack, api_key: str) -> None:
    async with inside(stack) as seen:
        executor_id = await executor(seen)
        holder = await seen.holder()
        assert holder is not None
        placing = [asyncio.create_task(place(seen, f"paused-{number}")) for number in range(SENT + 30)]
        answered: set[str] = set()
        for task in asyncio.as_completed(placing):
            answered.add(await task)
            if len(answered) > SENT:
                break
        # Some of those that were answered now wait in the holder for their place in the rate limit.
        os.kill(holder, signal.SIGSTOP)
        try:
            await seen.moved_from(holder)
            await seen.until(executor_id, ExecutorResumed, 1)
            answered |= set(await asyncio.gather(*placing))
            await seen.settled()
            before = await there(seen, api_key)
        finally:
            os.kill(holder, signal.SIGCONT)
        name = next(name for name in REPLICAS if stack.processes()[name]["pid"] == holder)
        eventually(lambda: waits(stack, name), "the resumed replica has let the session go")
        eventually(lambda: stack.processes()[name]["state"] == "ready", "the resumed replica is ready again")
        after = await there(seen, api_key)
        assert after == before
        states = await order_states(seen, answered)
        assert {order_id for order_id, status in states.items() if status == "OPEN"} == answered & after
        assert set(states.values()) <= {"OPEN", "FAILED"}


def shared(holders: dict[str, set[str]]) -> bool:
    """Whether each of two replicas runs two whole accounts."""
    return sorted(map(sorted, holders.values())) == [["trading-1"]] * 2 + [["trading-2"]] * 2


async def order_states(seen: Inside, ids: set[str]) -> dict[str, str]:
    """The status of each order in our books."""
    page = await seen.http.post("/trading/orders/search", json={"account_names": [ACCOUNT], "limit": 1000})
    return {each["order_id"]: each["status"] for each in page.json()["data"] if each["order_id"] in ids}
