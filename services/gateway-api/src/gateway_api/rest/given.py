"""Parameters of routes that are made from the request alone, without FastAPI's solving of dependencies.

FastAPI solves every dependency as if it were a route of its own, which costs a read more than all the rest of the gateway. A
parameter annotated with `Given(make)` is left out of what FastAPI sees; `make(request)` gives its value.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from fastapi import Request, Response


@dataclass(frozen=True)
class Given:
    """Marks a parameter; `make` is called with the request once it is authenticated."""

    make: Callable[[Request], Any]


def filled(endpoint: Callable[..., Awaitable[Response]]) -> Callable[..., Awaitable[Response]]:
    """The endpoint with its `Given` parameters replaced by the request; the same endpoint when it has none."""
    signature = inspect.signature(endpoint, eval_str=True)
    makers = {name: given.make for name, each in signature.parameters.items() if (given := _given(each)) is not None}
    if not makers:
        return endpoint

    @functools.wraps(endpoint)
    async def with_given(request: Request, **values: Any) -> Response:
        for name, make in makers.items():
            values[name] = make(request)
        return await endpoint(**values)

    request = inspect.Parameter("request", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=Request)
    others = [each for name, each in signature.parameters.items() if name not in makers]
    with_given.__signature__ = signature.replace(parameters=[request, *others])  # type: ignore[attr-defined]
    return with_given


def _given(parameter: inspect.Parameter) -> Given | None:
    marks = getattr(parameter.annotation, "__metadata__", ())
    return next((mark for mark in marks if isinstance(mark, Given)), None)
