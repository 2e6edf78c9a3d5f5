"""The schema, and what carries documents out: limits first, then the engine, and one shape for every error."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

import strawberry
from contracts.message import Metadata
from contracts.rejections import Unavailable
from graphql import GraphQLError, MaxIntrospectionDepthRule, OperationType, get_operation_ast, parse
from strawberry.extensions import AddValidationRules, ParserCache, SchemaExtension, ValidationCache
from strawberry.types import ExecutionContext, ExecutionResult

from gateway_api.graphql.accounts import AccountQueries
from gateway_api.graphql.context import Context, Feeds, Services, invalid
from gateway_api.graphql.executors import ExecutorQueries, ExecutorSubscriptions
from gateway_api.graphql.limits import Limits, check
from gateway_api.graphql.orders import OrderQueries, OrderSubscriptions
from gateway_api.graphql.positions import PositionQueries

logger = logging.getLogger(__name__)

KEPT = 256
"""Documents whose reading and validation are kept."""


@strawberry.type(description="What there is to read. Amounts are decimal text, times ISO 8601 in UTC.")
class Query(OrderQueries, PositionQueries, ExecutorQueries, AccountQueries):
    """All queries."""


@strawberry.type(description="States: one at once, and again whenever it is another. A slow reader gets the newest.")
class Subscription(OrderSubscriptions, ExecutorSubscriptions):
    """All subscriptions."""


class _Schema(strawberry.Schema):
    def process_errors(self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None) -> None:
        """Nothing: `shaped` logs what is a bug, and refusals are no business of the log."""


def built() -> strawberry.Schema:
    """The schema."""
    extensions: tuple[Callable[[], SchemaExtension], ...] = (
        lambda: ParserCache(maxsize=KEPT),
        lambda: ValidationCache(maxsize=KEPT),
        lambda: AddValidationRules([MaxIntrospectionDepthRule]),
    )
    return _Schema(query=Query, subscription=Subscription, extensions=extensions)


def sdl() -> str:
    """The schema in GraphQL's own language."""
    return built().as_str() + "\n"


@dataclass(frozen=True)
class Graph:
    """Carries documents out for somebody who is logged in."""

    services: Services
    feeds: Feeds
    limits: Limits = field(default_factory=Limits)
    schema: strawberry.Schema = field(default_factory=built)

    async def execute(
        self, query: str, variables: Mapping[str, Any] | None, operation: str | None, metadata: Metadata
    ) -> dict[str, Any]:
        """The answer to a query: `data`, and `errors` where there are any; without `data` it was not carried out."""
        refusal = self._refusal(query, variables, operation, subscriptions=False)
        if refusal is not None:
            return {"errors": [shaped(refusal)]}
        context = Context(self.services, self.feeds, metadata)
        result = await self.schema.execute(query, dict(variables or {}), context, operation_name=operation)
        return told(result.data, result.errors)

    async def stream(
        self, query: str, variables: Mapping[str, Any] | None, operation: str | None, metadata: Metadata
    ) -> AsyncGenerator[dict[str, Any]]:
        """The answers to a query or a subscription, one after the other; one without `data` is the only one."""
        refusal = self._refusal(query, variables, operation, subscriptions=True)
        if refusal is not None:
            yield {"errors": [shaped(refusal)]}
            return
        context = Context(self.services, self.feeds, metadata)
        results = await self.schema.stream(query, dict(variables or {}), context, operation_name=operation)
        async with aclosing(results):
            async for result in results:
                if isinstance(result, ExecutionResult):
                    yield told(result.data, result.errors)

    def _refusal(
        self, query: str, variables: Mapping[str, Any] | None, operation: str | None, *, subscriptions: bool
    ) -> GraphQLError | None:
        """Why a document is not carried out, where it can be seen before its validation."""
        try:
            document = parse(query, max_tokens=self.limits.tokens, no_location=True)
            check(document, variables or {}, self.limits)
        except GraphQLError as error:
            return error
        wanted = get_operation_ast(document, operation)
        if wanted is None:
            return invalid("operationName", "Names an operation of the document; needed where there are several")
        if wanted.operation is OperationType.SUBSCRIPTION and not subscriptions:
            return GraphQLError("Subscriptions are told over a WebSocket at this address")
        return None


def told(data: Any, errors: Sequence[GraphQLError] | None) -> dict[str, Any]:
    """A result as JSON; `data` is left out when nothing was carried out."""
    answer: dict[str, Any] = {} if data is None and errors and _refused(errors) else {"data": data}
    return answer | ({"errors": [shaped(error) for error in errors]} if errors else {})


def _refused(errors: Sequence[GraphQLError]) -> bool:
    return all(error.path is None for error in errors)


def shaped(error: GraphQLError) -> dict[str, Any]:
    """An error: its message, where it is, and in `extensions` its code, the field and the rule that was broken."""
    extensions = dict(error.extensions or {})
    cause, message = error.original_error, error.message
    if isinstance(cause, GraphQLError):
        extensions = {**dict(cause.extensions or {}), **extensions}
    elif isinstance(cause, Unavailable):
        message = cause.detail
        extensions = {"code": "Unavailable", "field": None, "rule": message, "retry_after": cause.retry_after}
    elif cause is not None:
        logger.error("a field of GraphQL failed", exc_info=cause)
        message = "Internal error"
        extensions = {"code": "InternalError", "field": None, "rule": message}
    if "code" not in extensions:
        extensions = {"code": "QueryInvalid", "field": None, "rule": message}
    told_error: dict[str, Any] = {"message": message, "extensions": extensions}
    if error.locations:
        told_error["locations"] = [{"line": place.line, "column": place.column} for place in error.locations]
    return told_error | ({"path": error.path} if error.path else {})
