"""What every field gets, and how it asks: one query of the owning service, or a watch of its answer."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Protocol

from contracts.message import Metadata, Query
from graphql import GraphQLError
from pydantic import TypeAdapter, ValidationError
from strawberry.utils.str_converters import to_camel_case

from gateway_api.domain.watched import Trouble
from gateway_api.graphql.pages import Connection, PageInfo

RENAMED = {"limit": "first", "cursor": "after"}
"""The arguments that the queries of the contracts call otherwise."""

SHORTEST, LONGEST = 0.5, 60.0
"""Seconds between two states of a subscription."""


class Answer(Protocol):
    """A service's reply."""

    @property
    def status(self) -> int:
        """The HTTP status of it."""
        ...

    @property
    def body(self) -> bytes:
        """The final JSON."""
        ...


class Services(Protocol):
    """The owning services. Their refusals are answers; raises Unavailable when there is none."""

    async def query(self, query: Query, metadata: Metadata, *, timeout: float = 10) -> Answer:
        """Asks the query's owner."""
        ...


class Watch(Protocol):
    """What somebody watches."""

    def take(self) -> tuple[bytes | Trouble, int] | None:
        """The newest state and how many were missed; None when it was taken before."""
        ...

    def close(self) -> None:
        """Watch no more."""
        ...


class Feeds(Protocol):
    """Watches shared by all who ask the same."""

    def watch(self, query: Query, user: str, interval: float, news: Callable[[], None]) -> Watch:
        """Watches the answer's JSON; `news` is called when there is something to take."""
        ...


@dataclass(frozen=True)
class Context:
    """Who asks, and whom."""

    services: Services
    feeds: Feeds
    metadata: Metadata

    async def ask(self, query: Query) -> Any:
        """The answer, with its numbers exact. Raises GraphQLError for a refusal, Unavailable."""
        answer = await self.services.query(query, self.metadata)
        if answer.status >= 400:
            raise refused(json.loads(answer.body))
        return exact(answer.body)

    async def page[T](self, query: Query, kind: type[T]) -> Connection[T]:
        """A page of rows."""
        return connection(await self.ask(query), kind)

    async def pages[T](self, query: Query, kind: type[T], interval: float) -> AsyncIterator[Connection[T]]:
        """The page as it is now, and again whenever it is another; a slow reader gets the newest.

        While the owner does not serve, a state is the error that says so.
        """
        if not SHORTEST <= interval <= LONGEST:
            rule = f"Input should be from {SHORTEST} to {LONGEST:g}"
            raise invalid("interval", rule)
        news = asyncio.Event()
        watch = self.feeds.watch(query, self.metadata.actor, interval, news.set)
        try:
            while True:
                await news.wait()
                news.clear()
                taken = watch.take()
                if taken is None:
                    continue
                state, _ = taken
                # An error that is yielded is told instead of a state, and the subscription goes on.
                yield unavailable(state) if isinstance(state, Trouble) else connection(exact(state), kind)  # type: ignore[misc]
        finally:
            watch.close()


def exact(body: bytes) -> Any:
    """The parsed JSON; numbers keep every digit that the answer has."""
    return json.loads(body, parse_float=Decimal)


def connection[T](page: dict[str, Any], kind: type[T]) -> Connection[T]:
    """A page of the contract as a connection."""
    place = page["pagination"]
    return Connection(
        nodes=rows(page["data"], kind),
        page_info=PageInfo(has_next_page=place["has_more"], end_cursor=place["next_cursor"]),
        total_count=place["total_count"],
    )


def rows[T](found: list[dict[str, Any]], kind: type[T]) -> list[T]:
    """Rows of JSON as objects of the schema."""
    return [TypeAdapter(kind).validate_python(row) for row in found]


def asked[Q: Query](kind: type[Q], **arguments: Any) -> Q:
    """The query of the arguments that were given. Raises GraphQLError naming the field and its rule."""
    given = {name: tuple(value) if isinstance(value, list) else value for name, value in arguments.items()}
    try:
        return kind.model_validate({name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        first = error.errors()[0]
        raise invalid(_argument(str(first["loc"][0])), first["msg"]) from error


def _argument(name: str) -> str:
    return RENAMED.get(name) or to_camel_case(name)


def invalid(field: str, rule: str) -> GraphQLError:
    """An argument that breaks a rule."""
    return GraphQLError(f"{field}: {rule}", extensions={"code": "ArgumentInvalid", "field": field, "rule": rule})


def refused(problem: dict[str, Any]) -> GraphQLError:
    """A service's refusal."""
    field = problem.get("field")
    extensions = {"code": problem.get("code", "Refused"), "field": _argument(field) if field else None}
    return GraphQLError(str(problem["detail"]), extensions={**extensions, "rule": problem["detail"]})


def unavailable(trouble: Trouble) -> GraphQLError:
    """Why there is nothing to see now."""
    return GraphQLError(trouble.reason, extensions={"code": "Unavailable", "field": None, "rule": trouble.reason})
