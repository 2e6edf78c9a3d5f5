"""The state of an engine executor as JSON, and back: what its class needs to go on where it stood.

Only attributes that decide what happens next are kept; prices and figures are read anew. Orders are kept by their id alone,
because their own events tell the rest. `KEPT` and `LEFT` name every attribute of each class, so that an engine with another
one is noticed by a test.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from decimal import Decimal
from enum import Enum
from functools import lru_cache
from typing import Any

from contracts.trading import ExecutorType
from pydantic import JsonValue

from trading.adapters.executor_orders import Wanted, never_left

COMMON = ("_status", "close_type", "_current_retries", "_held_position_orders")
KEPT: Mapping[ExecutorType, tuple[str, ...]] = {
    ExecutorType.POSITION: (
        "_open_order",
        "_close_order",
        "_take_profit_limit_order",
        "_failed_orders",
        "_trailing_stop_trigger_pct",
        "_total_executed_amount_backup",
    ),
    ExecutorType.DCA: (
        "_open_orders",
        "_close_orders",
        "_failed_orders",
        "_trailing_stop_trigger_pct",
        "_total_executed_amount_backup",
    ),
    ExecutorType.GRID: (
        "grid_levels",
        "step",
        "_close_order",
        "_filled_orders",
        "_failed_orders",
        "_canceled_orders",
        "max_open_creation_timestamp",
        "max_close_creation_timestamp",
        "_open_fee_in_base",
        "_trailing_stop_trigger_pct",
    ),
    ExecutorType.TWAP: ("_start_timestamp", "_order_plan", "_failed_orders", "_refreshed_orders"),
    ExecutorType.ORDER: ("_order", "_failed_orders", "_canceled_orders", "_partial_filled_orders", "_shutdown_ticks"),
    ExecutorType.ARBITRAGE: ("_buy_order", "_sell_order", "_cumulative_failures"),
    ExecutorType.XEMM: ("maker_order", "taker_order", "failed_orders"),
}
LEVEL_FIELDS = ("id", "price", "amount_quote", "take_profit", "side", "open_order_type", "take_profit_order_type", "state")
LEVEL_ORDERS = ("active_open_order", "active_close_order")


def captured(type_: ExecutorType, executor: Any) -> dict[str, JsonValue]:
    """The state of an executor."""
    state = {name: _encoded(getattr(executor, name)) for name in (*COMMON, *KEPT[type_])}
    entry_price = getattr(executor.config, "entry_price", None)
    # The one field of a configuration that the engine fills in with the market's price of the moment.
    return state if entry_price is None else {**state, "entry_price": str(entry_price)}


def restore(type_: ExecutorType, executor: Any, state: Mapping[str, JsonValue], orders: Mapping[str, Any]) -> None:
    """Put an executor into a captured state; `orders` are the engine's orders by client order id.

    An order it knows that is not among them never left: to its class it is one that failed.
    """
    known = _Known(orders, executor.config)
    for name in (*COMMON, *KEPT[type_]):
        if name in state:
            setattr(executor, name, _decoded(state[name], known))
    if "entry_price" in state:
        executor.config.entry_price = Decimal(str(state["entry_price"]))


def _encoded(value: Any) -> JsonValue:
    classes = _classes()
    match value:
        case None | bool() | int() | float() | str():
            return value
        case Decimal():
            return {"$decimal": str(value)}
        case Enum():
            return {"$enum": type(value).__name__, "name": value.name}
        case list() | tuple():
            return [_encoded(each) for each in value]
        case dict() if "client_order_id" in value:
            return {"$summary": value["client_order_id"]}
        case dict():
            return {"$map": [[_encoded(key), _encoded(each)] for key, each in value.items()]}
        case _ if isinstance(value, classes["TrackedOrder"]):
            return {"$order": value.order_id, "known": value.order is not None}
        case _ if isinstance(value, classes["GridLevel"]):
            return {"$level": {name: _encoded(getattr(value, name)) for name in (*LEVEL_FIELDS, *LEVEL_ORDERS)}}
        case _:
            msg = f"no executor state: {type(value).__name__}"
            raise TypeError(msg)


class _Known(dict[str, Any]):
    """The engine's orders by client order id. One that is missing never left."""

    def __init__(self, orders: Mapping[str, Any], config: Any) -> None:
        super().__init__(orders)
        self._config = config

    def __missing__(self, order_id: str) -> Any:
        market = getattr(self._config, "buying_market", self._config)
        wanted = Wanted(market.connector_name, market.trading_pair, "BUY", "LIMIT", Decimal(0), None, "OPEN")
        return never_left(order_id, wanted, self._config.timestamp)


def _decoded(kept: Any, orders: _Known) -> Any:
    classes = _classes()
    match kept:
        case list():
            return [_decoded(each, orders) for each in kept]
        case {"$decimal": text}:
            return Decimal(text)
        case {"$enum": name, "name": member}:
            return classes[name][member]
        case {"$summary": id_}:
            return orders[id_].to_json() if id_ in orders else {"client_order_id": id_}
        case {"$map": pairs}:
            return {_decoded(key, orders): _decoded(each, orders) for key, each in pairs}
        case {"$order": id_, "known": known}:
            tracked = classes["TrackedOrder"](order_id=id_)
            tracked.order = orders[id_] if known else None
            return tracked
        case {"$level": fields}:
            return classes["GridLevel"](**{name: _decoded(each, orders) for name, each in fields.items()})
        case _:
            return kept


@lru_cache(maxsize=1)
def _classes() -> Mapping[str, Any]:
    """The engine's classes that occur in states, by name."""
    executors = importlib.import_module("hummingbot.strategy_v2.models.executors")
    common = importlib.import_module("hummingbot.core.data_type.common")
    grid = importlib.import_module("hummingbot.strategy_v2.executors.grid_executor.data_types")
    runnable = importlib.import_module("hummingbot.strategy_v2.models.base")
    found = (
        executors.TrackedOrder,
        executors.CloseType,
        common.TradeType,
        common.OrderType,
        grid.GridLevel,
        grid.GridLevelStates,
        runnable.RunnableStatus,
    )
    return {each.__name__: each for each in found}
