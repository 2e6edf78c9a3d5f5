"""What the engine's executor types are for, and the fields of their configurations, as the engine's own classes define them."""

from __future__ import annotations

import inspect
import types
from collections.abc import Iterable
from enum import Enum
from functools import lru_cache
from typing import Any, Literal, Union, get_args, get_origin

from contracts.trading import ExecutorType, ExecutorTypeNotFound
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import to_jsonable_python

from trading.adapters.executor_configs import ExecutorClasses

TYPES: dict[ExecutorType, tuple[str, str]] = {
    ExecutorType.POSITION: (
        "One position with stop loss, take profit, time limit and trailing stop",
        "Directional trades with defined risk",
    ),
    ExecutorType.GRID: ("Limit orders at several levels of a price range, each with its take profit", "Range-bound markets"),
    ExecutorType.DCA: ("A position built up in several steps at given prices", "Averaging into a position"),
    ExecutorType.ARBITRAGE: ("Buys on one market and sells on another at once", "Price differences between two markets"),
    ExecutorType.TWAP: ("An amount split into equal orders over a time", "Large orders with little market impact"),
    ExecutorType.XEMM: ("A maker order on one market, hedged by a taker order on another", "Cross-exchange market making"),
    ExecutorType.ORDER: ("One order: limit, maker only, market, or a limit that follows the price", "Simple order execution"),
    ExecutorType.LP: (
        "A concentrated liquidity position on a DEX",
        "Providing liquidity; needs a DEX Gateway",
    ),
}

LIMITS = ("gt", "ge", "lt", "le", "multiple_of", "min_length", "max_length", "pattern")


def types_available() -> dict[str, Any]:
    """The eight types, as contract 8.13 lists them."""
    return {
        "executor_types": [
            {"type": type_.value, "description": description, "use_case": use_case}
            for type_, (description, use_case) in TYPES.items()
        ]
    }


@lru_cache
def config_schema(name: str) -> dict[str, Any]:
    """The fields of a type's configuration. Raises ExecutorTypeNotFound. The first time it imports the engine's class."""
    try:
        type_ = ExecutorType(name)
    except ValueError:
        known = ", ".join(each.value for each in ExecutorType)
        msg = f"Executor type '{name}' not found; there are {known}"
        raise ExecutorTypeNotFound(msg, field="executor_type") from None
    model = ExecutorClasses.of(type_).config
    nested: dict[str, Any] = {}
    fields = _fields(model, nested)
    return {
        "executor_type": type_.value,
        "config_class": model.__name__,
        "description": _description(model) or TYPES[type_][0],
        "fields": fields,
        "nested_types": nested,
    }


def _fields(model: type[BaseModel], nested: dict[str, Any]) -> list[dict[str, Any]]:
    return [_field(name, field, nested) for name, field in model.model_fields.items()]


def _field(name: str, field: FieldInfo, nested: dict[str, Any]) -> dict[str, Any]:
    shown: dict[str, Any] = {"name": name, "required": field.is_required(), "type": _named(field.annotation)}
    if field.description:
        shown["description"] = field.description
    if not field.is_required():
        shown["default"] = to_jsonable_python(field.get_default(call_default_factory=True), fallback=_plain)
    if constraints := _constraints(field.metadata):
        shown["constraints"] = constraints
    if values := _values(field.annotation):
        shown["enum_values"] = values
    for kind in _inner(field.annotation):
        _add(kind, nested)
    return shown


def _add(kind: Any, nested: dict[str, Any]) -> None:
    """Describe a model or an enumeration that a field uses, and what that uses."""
    if not isinstance(kind, type) or kind.__name__ in nested:
        return
    if issubclass(kind, Enum):
        nested[kind.__name__] = {"type": "enum", "values": list(kind.__members__), "description": _description(kind)}
    elif issubclass(kind, BaseModel):
        described: dict[str, Any] = {"description": _description(kind), "fields": []}
        nested[kind.__name__] = described
        described["fields"] = _fields(kind, nested)


def _inner(annotation: Any) -> Iterable[Any]:
    """The plain types within an annotation."""
    arguments = get_args(annotation)
    if get_origin(annotation) is Literal:
        return
    if not arguments:
        yield annotation
    for argument in arguments:
        yield from _inner(argument)


def _named(annotation: Any) -> str:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return "str"
    if origin in {Union, types.UnionType}:
        return " | ".join(_named(each) for each in arguments)
    if origin is not None:
        return f"{origin.__name__}[{', '.join(_named(each) for each in arguments)}]"
    return "None" if annotation is type(None) else getattr(annotation, "__name__", str(annotation))


def _values(annotation: Any) -> list[Any]:
    if get_origin(annotation) is Literal:
        return list(get_args(annotation))
    enums = [kind for kind in _inner(annotation) if isinstance(kind, type) and issubclass(kind, Enum)]
    return [name for kind in enums for name in kind.__members__]


def _constraints(metadata: Iterable[Any]) -> dict[str, Any]:
    found = {name: getattr(each, name, None) for each in metadata for name in LIMITS if hasattr(each, name)}
    return {name: to_jsonable_python(limit, fallback=_plain) for name, limit in found.items() if limit is not None}


def _description(kind: type) -> str:
    """The first paragraph of the class's own docstring, on one line."""
    return " ".join(inspect.cleandoc(kind.__dict__.get("__doc__") or "").split("\n\n")[0].split())


def _plain(value: Any) -> str:
    return str(value)
