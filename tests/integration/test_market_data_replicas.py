"""Two replicas of market data: each feed runs on one, requests reach it, and when it dies its feeds move."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from service_kit.sharing import owner_of

from tests.stack import PASSWORD, USERNAME, Stack, eventually, running

REPLICAS = {"market-data-1": "market-data", "market-data-2": "market-data-2"}
"""The processes by the names of their replicas."""
PAIRS = ("BTC-USDT", "ETH-USDT", "SOL-USDT", "BNB-USDT")

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with running(HUMMINGBUS_MARKET_DATA_REPLICAS="2") as started:
        yield started


@pytest.fixture
def api(stack: Stack) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=stack.url, auth=(USERNAME, PASSWORD), timeout=120) as client:
        yield client


def asked(api: httpx.Client, pair: str, route: str = "order-book", **more: Any) -> bool:
    answer = api.post(f"/market-data/{route}", json={"connector_name": "binance", "trading_pair": pair, **more})
    assert answer.status_code in (200, 503, 504), answer.text
    return answer.status_code == 200


def feeds(api: httpx.Client) -> dict[str, str]:
    """The replica of each running feed; none while a replica that stands still leaves the question unanswered."""
    answer = api.get("/market-data/active-feeds")
    told: dict[str, dict[str, Any]] = answer.json() if answer.status_code == 200 else {}
    return {name: entry.get("replica", "") for name, entry in told.items()}


def listed(api: httpx.Client) -> list[str]:
    known = api.get("/rate-oracle/prices").json()["prices"]
    return [pair for pair in PAIRS if pair in known]


def wanted(api: httpx.Client) -> list[str]:
    """Names of feeds of which each replica owns some, all asked for."""
    pairs = listed(api)
    for pair in pairs:
        eventually(lambda pair=pair: asked(api, pair), f"the book of {pair}")  # type: ignore[misc]
        for interval in ("1m", "5m", "15m"):
            eventually(lambda pair=pair, interval=interval: asked(api, pair, "candles", interval=interval), "candles")  # type: ignore[misc]
    books = [f"order_book_binance_{pair}" for pair in pairs]
    return books + [f"candles_binance_{pair}_{interval}" for pair in pairs for interval in ("1m", "5m", "15m")]


def ask_again(api: httpx.Client, name: str) -> bool:
    """Ask for what a feed tells, by its name."""
    if name.startswith("order_book"):
        return asked(api, name.rsplit("_", 1)[1])
    pair, interval = name.split("_")[-2:]
    return asked(api, pair, "candles", interval=interval)


def owned(names: list[str], *replicas: str) -> dict[str, str | None]:
    return {name: owner_of(name, replicas) for name in names}


def test_each_feed_runs_on_the_replica_it_belongs_to(stack: Stack, api: httpx.Client) -> None:
    names = wanted(api)
    for _ in range(4):
        assert all(asked(api, pair) for pair in listed(api)), "any replica takes any request"
    placed = owned(names, *REPLICAS)
    assert set(placed.values()) == set(REPLICAS), "both have some"
    assert feeds(api) == placed
    told = api.get("/market-data/order-book/diagnostics/binance").json()
    assert told["trading_pairs"] == sorted(listed(api))
    again = api.post("/market-data/order-book/restart/binance").json()
    assert (again["success"], again["trading_pairs"]) == (True, sorted(listed(api)))


def test_feeds_of_a_replica_that_is_killed_go_on(stack: Stack, api: httpx.Client) -> None:
    names = wanted(api)
    killed = stack.kill(REPLICAS["market-data-2"])
    lost = [name for name, owner in owned(names, *REPLICAS).items() if owner == "market-data-2"]
    eventually(lambda: all(ask_again(api, name) for name in lost), "its feeds answer again")
    # The supervisor starts it anew, and it has its feeds again.
    eventually(lambda: stack.processes()["market-data-2"]["pid"] not in (None, killed), "it is started anew")
    eventually(lambda: settled(api, names), "each replica has its own again")


def test_feeds_of_a_replica_that_stands_still_move(stack: Stack, api: httpx.Client) -> None:
    names = wanted(api)
    pid = int(stack.processes()["market-data-2"]["pid"])
    lost = [name for name, owner in owned(names, *REPLICAS).items() if owner == "market-data-2"]
    os.kill(pid, signal.SIGSTOP)
    try:

        def moved() -> bool:
            """Every feed is asked for, as its readers do, and runs on the other one."""
            good = all(ask_again(api, name) for name in lost)
            running = feeds(api)
            # Alone there is nobody to tell apart: no replica is named.
            return good and all(running.get(name) in ("market-data-1", "") for name in lost)

        eventually(moved, "the feeds run on the other replica")
    finally:
        os.kill(pid, signal.SIGCONT)
    eventually(lambda: settled(api, names), "each replica has its own again")


def settled(api: httpx.Client, names: list[str]) -> bool:
    wanted(api)
    return feeds(api) == owned(names, *REPLICAS)
