"""Our side of a round, through the public API and the public event stream."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx

from bench.chaos.desk import Desk
from bench.chaos.plans import CONNECTORS
from tests.ledger import Books, our_books
from tests.safety.evidence import Happened, order_events
from tests.stack import Stack

PAGE = 1000


@dataclass(frozen=True)
class Ours:
    """One account as our API shows it: its executors by id, books by connector, funding payments, and the positions open."""

    executors: Mapping[str, Mapping[str, Any]]
    books: Mapping[str, Books]
    funding: Sequence[Mapping[str, Any]]
    positions: Sequence[Mapping[str, Any]]


async def rows(http: httpx.AsyncClient, path: str, filters: Mapping[str, Any]) -> list[dict[str, Any]]:
    """All rows of a search. Raises httpx.HTTPError."""
    found: list[dict[str, Any]] = []
    cursor = None
    while True:
        answer = await http.post(path, json={**filters, "limit": PAGE, "cursor": cursor})
        page = answer.raise_for_status().json()
        found += page["data"]
        cursor = page["pagination"]["next_cursor"]
        if not page["pagination"]["has_more"]:
            return found


async def executors_of(http: httpx.AsyncClient, account: str) -> dict[str, dict[str, Any]]:
    """By id."""
    found = await rows(http, "/executors/search", {"account_names": [account]})
    return {each["executor_id"]: each for each in found}


async def ours_of(http: httpx.AsyncClient, desk: Desk) -> Ours:
    """Everything of one account."""
    account = {"account_names": [desk.account]}
    books = {}
    for connector in CONNECTORS:
        filters = {**account, "connector_names": [connector]}
        orders = await rows(http, "/trading/orders/search", filters)
        books[connector] = our_books(orders, await rows(http, "/trading/trades", filters), {})
    funding = await rows(http, "/trading/funding-payments", account)
    positions = await rows(http, "/trading/positions", account)
    return Ours(await executors_of(http, desk.account), books, funding, positions)


async def owners(stack: Stack) -> dict[str, Happened]:
    """By order id, how it was placed; the event names its executor. Raises OSError while the bus is away."""
    found = await order_events(stack)
    return {order_id: event for order_id, events in found.items() for event in events.values() if event.name == "OrderPlaced"}


async def performance(http: httpx.AsyncClient, controller: str | None) -> dict[str, Any]:
    """The report on one controller, or on all."""
    answer = await http.get("/executors/performance", params={} if controller is None else {"controller_id": controller})
    report: dict[str, Any] = answer.raise_for_status().json()
    return report


async def holds(http: httpx.AsyncClient) -> dict[str, list[dict[str, Any]]]:
    """What is held, by controller."""
    found: dict[str, list[dict[str, Any]]] = {}
    for each in (await http.get("/executors/positions/summary")).raise_for_status().json()["positions"]:
        found.setdefault(each["controller_id"], []).append(each)
    return found


async def messages(http: httpx.AsyncClient, executor_id: str) -> list[str]:
    """The newest lines of an executor's log."""
    answer = await http.get(f"/executors/{executor_id}/logs", params={"limit": 200})
    if answer.status_code != 200:
        return [f"{answer.status_code} {answer.text[:200]}"]
    return [f"{line['timestamp']} {line['level']} {line['message']}" for line in answer.json()["logs"]]
