"""Query parameters that may be given once: which of two values counts, nobody could know."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from typing import Any, get_args, get_origin

from fastapi import Request
from fastapi.dependencies.models import Dependant
from fastapi.exceptions import RequestValidationError


def single(dependant: Dependant) -> frozenset[str]:
    """The names of a route's query parameters that are not lists."""
    return frozenset(each.alias for each in dependant.query_params if not _listed(each.field_info.annotation))


def check(request: Request, names: Collection[str]) -> None:
    """Raises RequestValidationError when one of the names is given more than once."""
    if not names or not request.scope["query_string"]:
        return
    given = Counter(name for name, _ in request.query_params.multi_items())
    for name in names:
        if given[name] > 1:
            values = request.query_params.getlist(name)
            error = {"type": "repeated", "loc": ("query", name), "msg": "May be given once", "input": values}
            raise RequestValidationError([error])


def _listed(annotation: Any) -> bool:
    return get_origin(annotation) in (list, tuple) or any(_listed(each) for each in get_args(annotation))
