"""/ws/executors: executors, their logs, performance and positions held, as they change."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from typing import Any, Protocol

from contracts.message import Query
from contracts.trading import (
    GetExecutor,
    GetExecutorLogs,
    GetExecutorPerformance,
    SearchExecutors,
    SummariseExecutors,
    SummarisePositionHolds,
)
from pydantic import ValidationError

from gateway_api.domain.watched import Tail, Trouble
from gateway_api.rest.streams import FrameRefused, Push, Source, Subscription, Watch, text, troubled, update_interval

DEFAULT_INTERVAL, SHORTEST, LONGEST = 2.0, 0.5, 60.0
"""Seconds."""

FILTERS = {
    "account_name": "account_names",
    "connector_name": "connector_names",
    "trading_pair": "trading_pairs",
    "executor_type": "executor_types",
    "status": "status",
    "controller_id": "controller_ids",
}
"""The filters of the contract, and what SearchExecutors calls them."""


class ExecutorFeeds(Protocol):
    """Where watches of the trading service's answers come from; `news` is called when there is something to take."""

    def watch(self, query: Query, user: str, interval: float, news: Callable[[], None]) -> Watch[str]:
        """States as the members of their frame, in JSON."""
        ...

    def watch_logs(self, query: GetExecutorLogs, user: str, interval: float, news: Callable[[], None]) -> Watch[Tail]:
        """The tail of a log."""
        ...


class ExecutorsStream:
    """The subscriptions of /ws/executors."""

    path = "/ws/executors"
    id_length = 12
    not_subscribed = "No subscription found: {}"

    def __init__(self, feeds: ExecutorFeeds) -> None:
        self._feeds = feeds
        self._kinds: dict[str, Callable[[dict[str, Any]], tuple[str, Query]]] = {
            "executors": _executors,
            "executor_detail": _detail,
            "executor_summary": lambda _: ("executor_summary", SummariseExecutors()),
            "performance": _performance,
            "positions": _positions,
            "executor_logs": _logs,
        }

    def subscription(self, frame: dict[str, Any], user: str) -> Subscription:
        """The subscription that a frame asks for; raises FrameRefused."""
        kind = frame.get("type")
        if not isinstance(kind, str) or kind not in self._kinds:
            msg = f"Invalid subscription type: {str(kind)[:100]}. Valid types: {', '.join(sorted(self._kinds))}"
            raise FrameRefused(msg)
        interval = update_interval(frame, default=DEFAULT_INTERVAL, shortest=SHORTEST, longest=LONGEST)
        try:
            id_, query = self._kinds[kind](frame)
        except ValidationError as error:
            first = error.errors()[0]
            msg = f"{kind}: {'.'.join(str(part) for part in first['loc'])}: {first['msg']}"
            raise FrameRefused(msg) from error

        def opened(news: Callable[[], None]) -> Source:
            if isinstance(query, GetExecutorLogs):
                return _Logs(id_, query.limit, self._feeds.watch_logs(query, user, interval, news))
            return _States(kind, id_, self._feeds.watch(query, user, interval, news))

        return Subscription(id_, kind, opened, {"subscription_type": kind, "update_interval": interval})


class _States:
    """Whole states: only the newest counts."""

    def __init__(self, kind: str, id_: str, watch: Watch[str]) -> None:
        self._kind = kind
        self._id = id_
        self._watch = watch

    def take(self) -> Push | None:
        taken = self._watch.take()
        if taken is None:
            return None
        state, skipped = taken
        if isinstance(state, Trouble):
            return Push(troubled(self._id, state), skipped)
        return Push(_frame(self._kind, self._id, state, skipped), skipped)

    def close(self) -> None:
        self._watch.close()


class _Logs:
    """Entries, each sent once; those that a reader was too slow for are counted."""

    def __init__(self, id_: str, limit: int, watch: Watch[Tail]) -> None:
        self._id = id_
        self._limit = limit
        self._watch = watch
        self._sent: int | None = None

    def take(self) -> Push | None:
        taken = self._watch.take()
        if taken is None:
            return None
        tail, _ = taken
        if isinstance(tail, Trouble):
            return Push(troubled(self._id, tail))
        new, missed = (tail.last(self._limit), 0) if self._sent is None else tail.since(self._sent)
        first, self._sent = self._sent is None, tail.end
        if not new and not first:
            return None
        members = f'"data": [{", ".join(new)}], "total_count": {tail.total}'
        return Push(_frame("executor_logs", self._id, members, missed), missed)

    def close(self) -> None:
        self._watch.close()


def _frame(kind: str, id_: str, members: str, dropped: int) -> str:
    told = f', "dropped": {dropped}' if dropped else ""
    return f'{{"type": "{kind}", "subscription_id": {json.dumps(id_)}, {members}{told}, "timestamp": {time.time()}}}'


def _executors(frame: dict[str, Any]) -> tuple[str, Query]:
    filters = frame.get("filters")
    if filters is None:
        filters = {}
    if not isinstance(filters, dict):
        raise FrameRefused("filters: an object")
    given = {name: value for name, value in filters.items() if value is not None}
    unknown = sorted(given.keys() - FILTERS.keys())
    if unknown:
        msg = f"filters: unknown filter {unknown[0][:100]}. Valid filters: {', '.join(sorted(FILTERS))}"
        raise FrameRefused(msg)
    texts = {name: text(f"filters.{name}", value) for name, value in given.items()}
    fields = {FILTERS[name]: text if name == "status" else (text,) for name, text in texts.items()}
    digest = hashlib.md5(json.dumps(filters, sort_keys=True).encode(), usedforsecurity=False).hexdigest()[:8]
    return f"executors_{digest}", SearchExecutors.model_validate(fields)


def _detail(frame: dict[str, Any]) -> tuple[str, Query]:
    executor_id = _required(frame, "executor_id")
    return f"executor_detail_{executor_id}", GetExecutor(executor_id=executor_id)


def _performance(frame: dict[str, Any]) -> tuple[str, Query]:
    controller = _optional(frame, "controller_id")
    return f"performance_{controller or 'all'}", GetExecutorPerformance(controller_id=controller)


def _positions(frame: dict[str, Any]) -> tuple[str, Query]:
    controller = _optional(frame, "controller_id")
    return f"positions_{controller or 'all'}", SummarisePositionHolds(controller_id=controller)


def _logs(frame: dict[str, Any]) -> tuple[str, Query]:
    executor_id, level, limit = _required(frame, "executor_id"), _optional(frame, "level"), frame.get("limit")
    limit = 100 if limit is None else limit
    if not isinstance(limit, int) or isinstance(limit, bool):
        raise FrameRefused("limit: a whole number")
    return f"executor_logs_{executor_id}", GetExecutorLogs(executor_id=executor_id, level=level, limit=limit)


def _required(frame: dict[str, Any], name: str) -> str:
    text = _optional(frame, name)
    if text is None:
        msg = f"{frame['type']} requires '{name}'"
        raise FrameRefused(msg)
    return text


def _optional(frame: dict[str, Any], name: str) -> str | None:
    """A text that is there; an empty one is not."""
    value = frame.get(name)
    return None if value is None or value == "" else text(name, value)
