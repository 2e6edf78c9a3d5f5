"""The engine's executor types: their classes, and configurations checked by them."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import Any, get_args

from contracts.rejections import Unavailable
from contracts.trading import ExecutorConfigInvalid, ExecutorType, ExecutorTypeUnknown, Market
from pydantic import BaseModel, JsonValue, ValidationError

from trading.adapters import executor_mends

GATEWAY_ONLY = frozenset({ExecutorType.LP})


@dataclass(frozen=True, slots=True)
class ExecutorClasses:
    """The engine's class of an executor and of its configuration."""

    executor: Any
    config: type[BaseModel]

    @staticmethod
    @lru_cache
    def of(type_: ExecutorType) -> ExecutorClasses:
        """The classes of a type; imported on first use."""
        stem = type_.value.removesuffix("_executor")
        name = stem.upper() if stem in {"dca", "twap", "xemm", "lp"} else stem.capitalize()
        package = f"hummingbot.strategy_v2.executors.{type_.value}"
        executor = getattr(importlib.import_module(f"{package}.{type_.value}"), f"{name}Executor")
        executor = executor_mends.mended(type_, executor)
        config = getattr(importlib.import_module(f"{package}.data_types"), f"{name}ExecutorConfig")
        return ExecutorClasses(executor, config)


def load() -> None:
    """Import the classes of all types. Not on the event loop: the first time it takes seconds."""
    for type_ in ExecutorType:
        ExecutorClasses.of(type_)


def type_of(config: Mapping[str, JsonValue]) -> ExecutorType:
    """The type a configuration names. Raises ExecutorTypeUnknown; Unavailable for one that needs a DEX Gateway."""
    named = config.get("type")
    try:
        type_ = ExecutorType(str(named))
    except ValueError:
        known = ", ".join(type_.value for type_ in ExecutorType)
        msg = f"Field 'executor_config.type' is {named!r}; it must be one of {known}"
        raise ExecutorTypeUnknown(msg, field="executor_config.type") from None
    if type_ in GATEWAY_ONLY:
        msg = f"'{type_.value}' needs a DEX Gateway, and none is running here"
        raise Unavailable(msg, retry_after=60)
    return type_


def checked(type_: ExecutorType, config: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """The complete configuration as JSON, as the engine validates it. ExecutorConfigInvalid names the first wrong field."""
    model = ExecutorClasses.of(type_).config
    try:
        valid = model.model_validate(_members(model, config, "executor_config"))
    except ValidationError as refused:
        error = refused.errors(include_url=False, include_input=False, include_context=False)[0]
        field = ".".join(["executor_config", *(str(part) for part in error["loc"])])
        raise ExecutorConfigInvalid(f"Field '{field}': {error['msg']}", field=field) from None
    complete: dict[str, JsonValue] = valid.model_dump(mode="json")
    return complete


def markets(type_: ExecutorType, config: Mapping[str, Any]) -> tuple[Market, ...]:
    """The markets an executor trades on, the first first."""
    if type_ in {ExecutorType.ARBITRAGE, ExecutorType.XEMM}:
        found = [config["buying_market"], config["selling_market"]]
    else:
        found = [config]
    pairs = [(each["connector_name"], each["trading_pair"]) for each in found]
    return tuple(Market(connector=connector, trading_pair=pair) for connector, pair in dict.fromkeys(pairs))


def _members(model: type[BaseModel], values: Mapping[str, Any], path: str) -> dict[str, Any]:
    """The values with members of the engine's enumerations in place of their names, at any depth."""
    for name in values:
        if name not in model.model_fields:
            msg = f"Field '{path}.{name}' is not a field of {model.__name__}; it has: {', '.join(model.model_fields)}"
            raise ExecutorConfigInvalid(msg, field=f"{path}.{name}")
    return {name: _member(model.model_fields[name].annotation, value, f"{path}.{name}") for name, value in values.items()}


def _member(annotation: Any, value: Any, path: str) -> Any:
    for kind in (annotation, *get_args(annotation)):
        if not isinstance(kind, type):
            continue
        if issubclass(kind, Enum) and isinstance(value, str) and value.upper() in kind.__members__:
            return kind[value.upper()]
        if issubclass(kind, BaseModel) and isinstance(value, dict):
            return _members(kind, value, path)
    return value
