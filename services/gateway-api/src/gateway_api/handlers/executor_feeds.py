"""What `/ws/executors` shows, read from the trading service and shared by all who watch the same.

Each function gives the members that a frame has besides type, id and time, as JSON text made once for all its readers.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from contracts.message import Metadata, Query
from contracts.trading import (
    GetExecutor,
    GetExecutorLogs,
    GetExecutorPerformance,
    SearchExecutors,
    SummariseExecutors,
    SummarisePositionHolds,
)
from service_kit.bus import Response

from gateway_api.domain.watched import Tail, Trouble
from gateway_api.handlers.watches import Reading, Watch, Watches

PAGE = 250
MOST = 1000
"""Executors in a frame, the newest; `total_count` counts all."""

KEPT_LOGS = 1000
"""Entries kept for readers that fall behind."""

type Ask = Callable[[Query], Awaitable[Response]]


class Asking(Protocol):
    """The owning services, as `Requests` asks them."""

    async def query(self, query: Query, metadata: Metadata, *, timeout: float = 10) -> Response:
        """The owner's answer or refusal; raises Unavailable."""
        ...


class ExecutorFeeds:
    """Opens watches; one question at a time for each distinct user, query and parameters."""

    def __init__(self, services: Asking, watches: Watches) -> None:
        self._services = services
        self._watches = watches

    def watch(self, query: Query, user: str, interval: float, news: Callable[[], None]) -> Watch[str]:
        """Watches the answer to one of the queries of the module; the state is the frame's members."""
        read = _READS[type(query)]
        ask = self._asking(user)
        return self._watches.watch((user, query), lambda: read(ask, query), interval, news)

    def watch_logs(self, query: GetExecutorLogs, user: str, interval: float, news: Callable[[], None]) -> Watch[Tail]:
        """Watches the entries of an executor's log; `query` without `after`."""
        return self._watches.watch((user, query), _LogReader(self._asking(user), query).read, interval, news)

    def _asking(self, user: str) -> Ask:
        return lambda query: self._services.query(query, Metadata(actor=user))


async def _search(ask: Ask, query: Any) -> Reading[str]:
    """All pages of a search, as far as MOST."""
    items: list[Any] = []
    cursor, good_for, total = None, float("inf"), 0
    while True:
        answer = await ask(query.model_copy(update={"cursor": cursor, "limit": PAGE}))
        if answer.status >= 400:
            return Reading(trouble(answer))
        page = json.loads(answer.body)
        items += page["data"]
        good_for = min(good_for, seconds_kept(answer))
        cursor, total = page["pagination"]["next_cursor"], page["pagination"]["total_count"]
        if cursor is None or len(items) >= MOST:
            return Reading(f'"data": {json.dumps(items)}, "total_count": {total}', good_for)


async def _detail(ask: Ask, query: Any) -> Reading[str]:
    answer = await ask(query)
    if answer.status == 404:
        return Reading('"data": null')
    return _whole(answer)


async def _one(ask: Ask, query: Any) -> Reading[str]:
    return _whole(await ask(query))


async def _positions(ask: Ask, query: Any) -> Reading[str]:
    """The holds without `cum_fees_quote`, as the contract has them here."""
    answer = await ask(query)
    if answer.status >= 400:
        return Reading(trouble(answer))
    summary = json.loads(answer.body)
    for hold in summary["positions"]:
        hold.pop("cum_fees_quote", None)
    return Reading(f'"data": {json.dumps(summary)}', seconds_kept(answer))


_READS: dict[type[Query], Callable[[Ask, Any], Awaitable[Reading[str]]]] = {
    SearchExecutors: _search,
    GetExecutor: _detail,
    SummariseExecutors: _one,
    GetExecutorPerformance: _one,
    SummarisePositionHolds: _positions,
}


class _LogReader:
    """Asks for what is newer than what it has."""

    def __init__(self, ask: Ask, query: GetExecutorLogs) -> None:
        self._ask = ask
        self._query = query
        self._after: int | None = None
        self._tail = Tail((), 0, 0)

    async def read(self) -> Reading[Tail]:
        while True:
            answer = await self._ask(self._query.model_copy(update={"after": self._after}))
            if answer.status >= 400:
                return Reading(trouble(answer))
            page = json.loads(answer.body)
            new = tuple(json.dumps(entry) for entry in page["logs"])
            entries = (*self._tail.entries, *new)[-KEPT_LOGS:]
            self._tail = Tail(entries, self._tail.end + len(new), page["total_count"])
            first = self._after is None
            self._after = page["cursor"]
            if first or len(new) < self._query.limit:
                return Reading(self._tail, seconds_kept(answer))


def _whole(answer: Response) -> Reading[str]:
    if answer.status >= 400:
        return Reading(trouble(answer))
    return Reading(f'"data": {answer.body.decode()}', seconds_kept(answer))


def seconds_kept(answer: Response) -> float:
    """Seconds for which the owner lets its answer be kept unless it tells of a change."""
    return 0 if answer.keep is None else float(answer.keep.partition(" ")[2])


def trouble(answer: Response) -> Trouble:
    """The reason of a refusal."""
    return Trouble(json.loads(answer.body)["detail"])
