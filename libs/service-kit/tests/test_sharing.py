"""Replicas that share: keys spread and move only with their owner, questions reach it, and go on when it dies."""

from __future__ import annotations

import asyncio
import json

import pytest
from contracts.market_data import CandlesNotReady, GetOrderBook, ListFeeds, MarketNotFound
from contracts.message import Metadata
from eventually import eventually
from hypothesis import given
from hypothesis import strategies as st
from service_kit.service import Service
from service_kit.sharing import Sharing, owner_of

NAMES = st.sets(st.sampled_from([f"market-data-{number}" for number in range(1, 9)]), min_size=1)


@given(NAMES, st.sampled_from([f"market-data-{number}" for number in range(1, 9)]), st.lists(st.text(min_size=1), min_size=1))
def test_only_the_keys_of_who_comes_or_goes_move(members: set[str], other: str, keys: list[str]) -> None:
    for key in keys:
        before, after = owner_of(key, members - {other}), owner_of(key, members | {other})
        assert before == after or after == other


def test_keys_are_spread() -> None:
    owners = [owner_of(f"order_book_binance_T{number}-USDT", ["a", "b"]) for number in range(200)]
    assert 60 < owners.count("a") < 140
    assert owner_of("k", []) is None


class Replica:
    """A service that answers with its own name."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.name = service.settings.replica
        self.sharing = Sharing(service.bus, service.leases, service="market-data", replica=self.name)
        self.waiting = asyncio.Event()
        self.free = asyncio.Event()
        self.free.set()
        service.query(GetOrderBook, self.sharing.by(lambda query: query.trading_pair, self.book), own=self.book)
        service.query(
            ListFeeds, self.sharing.everybody(self.feeds, lambda all_: json.dumps(sorted(all_)).encode()), own=self.feeds
        )
        service.on_start(self.sharing.look)
        service.task("sharing", self.sharing.run)

    async def book(self, query: GetOrderBook, _metadata: Metadata) -> bytes:
        self.waiting.set()
        await self.free.wait()
        if query.connector == "nowhere":
            raise MarketNotFound("no such connector", field="connector_name")
        if query.connector == "slow":
            raise CandlesNotReady("not yet", retry_after=7)
        return json.dumps(self.name).encode()

    async def feeds(self, _query: ListFeeds, _metadata: Metadata) -> bytes:
        return b"[]"


def pair_of(owner: str) -> str:
    """A pair that belongs to one of two replicas."""
    return next(f"T{n}-USDT" for n in range(1000) if owner_of(f"T{n}-USDT", ["r1", "r2"]) == owner)


async def both(make_service) -> tuple[Replica, Replica]:
    one, two = (Replica(make_service("market-data", replica=name)) for name in ("r1", "r2"))
    await asyncio.gather(one.service.start(), two.service.start())

    async def seen() -> bool:
        return one.sharing.members == two.sharing.members == {"r1", "r2"}

    await eventually(seen)
    return one, two


async def ask(bus, pair: str, connector: str = "binance") -> str:
    return str(json.loads(await bus.query(GetOrderBook(connector=connector, trading_pair=pair), Metadata())))


async def test_questions_reach_the_owner_whoever_gets_them(make_service, bus):
    await both(make_service)
    for owner in ("r1", "r2"):
        assert {await ask(bus, pair_of(owner)) for _ in range(10)} == {owner}
    assert json.loads(await bus.query(ListFeeds(), Metadata())) == ["r1", "r2"]


async def test_refusals_come_through_as_they_are(make_service, bus):
    await both(make_service)
    for _ in range(6):
        with pytest.raises(MarketNotFound) as refused:
            await ask(bus, pair_of("r2"), "nowhere")
        assert refused.value.field == "connector_name"
        with pytest.raises(CandlesNotReady) as late:
            await ask(bus, pair_of("r2"), "slow")
        assert late.value.retry_after == 7


async def test_who_leaves_gives_its_keys_to_the_others_and_is_not_waited_for(make_service, bus):
    one, two = await both(make_service)
    two.free.clear()
    asked = [asyncio.create_task(ask(bus, pair_of("r2"))) for _ in range(8)]
    await two.waiting.wait()
    # As a process that is stopped: it answers nothing, and renews nothing.
    presence = two.sharing._presence
    assert presence is not None
    await two.service.supervisor.stop()
    await presence.release()
    found = await asyncio.gather(*(asyncio.wait_for(asyncio.shield(task), 60) for task in asked), return_exceptions=True)
    assert "r1" in found, "what went through the other one is answered by it"
    assert one.sharing.mine(pair_of("r2"))
    two.free.set()
