"""Copies of pages of orders: never older than a command of who keeps them, and soon as new as what other replicas did."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from contracts import naming
from contracts.message import Event, Metadata, Query
from contracts.trading import ActiveOrders, SearchOrders, SearchTrades
from order_examples import completed, filled, placed, submitted
from rig import new_log
from service_kit.bus import Bus, Response
from service_kit.copies import SILENCE, Copies
from service_kit.service import Service
from service_kit.settings import ServiceSettings
from trading.app import TOLD_TOGETHER
from trading.handlers.queries import Queries

PAGES: tuple[Query, ...] = (SearchOrders(), ActiveOrders(), SearchTrades(), SearchOrders(account_names=("main",), limit=1))


class Replica:
    """A trading process, as far as reading orders goes."""

    def __init__(self, nats_url: str, database_url: str, name: str) -> None:
        self.reads = 0
        self.log = new_log(database_url)
        self.service = Service("trading", ServiceSettings(nats_url=nats_url, replica=name), log=self.log)
        self.service.tell_changes(pace=TOLD_TOGETHER)
        queries = Queries(self)
        self.service.query(SearchOrders, queries.search_orders)
        self.service.query(ActiveOrders, queries.active_orders)
        self.service.query(SearchTrades, queries.search_trades)

    async def fetch(self, sql: str, /, *args: object) -> Any:
        self.reads += 1
        return await self.log.fetch(sql, *args)

    async def live(self, order_id: str, version: int, *events: Event) -> None:
        stored = [event.model_copy(update={"order_id": order_id}) for event in events]
        await self.log.append(f"trading.order-{order_id}", version, stored, Metadata())


class Gateway:
    """Who keeps copies; `later` moves its clock on."""

    def __init__(self, nats_url: str) -> None:
        self.later = 0.0
        self.bus = Bus("gateway-api", nats_url)
        self.copies = Copies(self.bus, ("trading",), clock=lambda: asyncio.get_running_loop().time() + self.later)

    async def read(self, query: Query) -> Any:
        async def ask() -> Response:
            return await self.bus.request(naming.query_subject(type(query)), query, Metadata(), 30)

        return json.loads((await self.copies.answer(query, ask)).body)

    async def statuses(self) -> list[str]:
        return [item["status"] for item in (await self.read(SearchOrders()))["data"]]


async def until(check: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(60):
        while not await check():  # noqa: ASYNC110 - what is waited for happens in another process
            await asyncio.sleep(0.02)


@pytest.fixture
async def replica(nats_url: str, database_url: str) -> AsyncIterator[Replica]:
    made = Replica(nats_url, database_url, "one")
    await made.service.start()
    yield made
    await made.service.stop()


@pytest.fixture
async def gateway(nats_url: str, replica: Replica) -> AsyncIterator[Gateway]:
    made = Gateway(nats_url)
    await made.bus.start()
    await made.copies.start()
    await made.bus.settle()
    await until(lambda: kept(made, replica))
    yield made
    await made.copies.stop()
    await made.bus.stop()


async def kept(gateway: Gateway, replica: Replica) -> bool:
    """Whether pages are answered without the service."""
    for query in PAGES:
        await gateway.read(query)
    reads = replica.reads
    for query in PAGES:
        await gateway.read(query)
    return replica.reads == reads


async def test_a_page_that_many_poll_is_read_once_until_something_changes(gateway: Gateway, replica: Replica) -> None:
    for query in PAGES:
        gateway.copies.drop("trading")
        before = replica.reads
        answers = await asyncio.gather(*(gateway.read(query) for _ in range(50)))
        assert all(answer == answers[0] for answer in answers)
        assert replica.reads == before + 1
    await replica.live("o1", 0, placed(), submitted(), filled("1", "1"), completed())

    async def all_new() -> bool:
        return [len((await gateway.read(query))["data"]) for query in PAGES] == [1, 0, 1, 1]

    await until(all_new)


async def test_what_a_command_did_is_read_at_once(gateway: Gateway, replica: Replica) -> None:
    """The gateway drops copies before it answers a command; others poll the same page all the while."""
    polling = asyncio.create_task(poll(gateway))
    for number in range(40):
        await replica.live(f"o{number}", 0, placed())
        gateway.copies.drop("trading")
        page = await gateway.read(SearchOrders())
        assert f"o{number}" in {item["order_id"] for item in page["data"]}
        assert page["pagination"]["total_count"] == number + 1
    polling.cancel()


async def poll(gateway: Gateway) -> None:
    while True:
        await asyncio.gather(*(gateway.read(query) for query in PAGES for _ in range(5)))


async def test_what_another_replica_did_is_read_soon(
    gateway: Gateway, replica: Replica, nats_url: str, database_url: str
) -> None:
    other = Replica(nats_url, database_url, "two")
    await other.service.start()
    steps = [(placed(), "SUBMITTED"), (submitted(), "OPEN"), (filled("1", "1"), "PARTIALLY_FILLED"), (completed(), "FILLED")]
    for version, (event, status) in enumerate(steps):
        await (other if version % 2 else replica).live("o", version, event)

        async def shown(status: str = status) -> bool:
            return await gateway.statuses() == [status]

        await until(shown)
    await other.service.stop()
    await replica.live("late", 0, placed())
    await until(lambda: has(gateway, 2))


async def has(gateway: Gateway, orders: int) -> bool:
    return len(await gateway.statuses()) == orders


async def test_nothing_is_kept_of_a_service_that_fell_silent(gateway: Gateway, replica: Replica) -> None:
    await replica.service._plumbing.stop("changes")
    await replica.live("o", 0, placed())
    gateway.later = SILENCE + 1
    assert await has(gateway, 1)
    await replica.live("o2", 0, placed())
    assert await has(gateway, 2)
