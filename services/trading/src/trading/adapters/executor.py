"""One executor of the engine, driven step by step."""

from __future__ import annotations

import importlib
import time
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from contracts.trading import CloseType, ExecutorStatus, ExecutorType
from pydantic import JsonValue
from pydantic_core import to_jsonable_python

from trading.adapters import executor_orders, executor_state
from trading.adapters.executor_configs import ExecutorClasses
from trading.adapters.executor_market import Cancel, Connector, Orders, Place, Strategy
from trading.adapters.executor_orders import Placed, Wanted

TRIED = ("_current_retries", "_cumulative_failures")
"""Where classes count what failed."""

FIGURES = ("net_pnl_quote", "net_pnl_pct", "cum_fees_quote", "filled_amount_quote")


class EngineExecutor:
    """The engine's object with its orders. Methods raise what the engine's classes raise."""

    def __init__(
        self,
        type_: ExecutorType,
        config: Mapping[str, JsonValue],
        connectors: Mapping[str, Connector],
        orders: Orders,
        place: Place,
        cancel: Cancel,
    ) -> None:
        """Reads live prices and rules. Unavailable when a price is missing."""
        self._type = type_
        self._orders = orders
        self._place = place
        self._asked: set[str] = set()
        classes = ExecutorClasses.of(type_)
        strategy = Strategy(connectors, self._ask, cancel)
        self._executor: Any = classes.executor(strategy=strategy, config=classes.config(**config))

    @property
    def status(self) -> ExecutorStatus:
        """How far it is."""
        return ExecutorStatus[self._executor.status.name]

    @property
    def close_type(self) -> CloseType | None:
        """Why it ends or ended."""
        found = self._executor.close_type
        return None if found is None else CloseType[found.name]

    async def begin(self) -> None:
        """The first step: checks of the balance, which may end it at once."""
        if not self._executor.is_closed:
            self._executor._status = _running()
            await self._executor.on_start()

    def restore(self, state: Mapping[str, JsonValue], orders: Iterable[Placed]) -> None:
        """Go on where a captured state stood, with the orders as they are now."""
        for order in orders:
            self._orders.known[order.order_id] = executor_orders.in_flight(order)
        executor_state.restore(self._type, self._executor, state, self._orders.known)

    async def step(self) -> None:
        """One turn of its control loop."""
        if not self._executor.is_closed:
            await self._executor.control_task()
            self._executor.evaluate_max_retries()

    def early_stop(self, *, keep_position: bool) -> None:
        """Ask it to end."""
        if not self._executor.is_closed:
            self._executor.early_stop(keep_position=keep_position)

    def tell(self, kind: str, order: Placed | None, order_id: str, wanted: Wanted) -> None:
        """Tell it what happened to one of its orders: created, filled, completed, cancelled, failed or lost.

        A lost one failed because whoever was to send it was interrupted: that is none of the failures its class gives up after.
        """
        if order is None:
            self._asked.discard(order_id)
            self._orders.known[order_id] = executor_orders.never_left(order_id, wanted, time.time())
        else:
            self._orders.known.setdefault(order_id, executor_orders.in_flight(order))
            self.refresh(order)
        executor = self._executor
        tried = {name: getattr(executor, name) for name in TRIED if hasattr(executor, name)}
        told = {
            "created": executor.process_order_created_event,
            "filled": executor.process_order_filled_event,
            "completed": executor.process_order_completed_event,
            "cancelled": executor.process_order_canceled_event,
            "failed": executor.process_order_failed_event,
            "lost": executor.process_order_failed_event,
        }[kind]
        market = executor.connectors.get(wanted.connector)
        told(0, market, executor_orders.event(kind, order, order_id, wanted, time.time()))
        if kind == "lost":
            for name, count in tried.items():
                setattr(executor, name, count)

    def refresh(self, order: Placed) -> None:
        """Bring its view of an order up to date without telling it."""
        if order.order_id in self._asked:
            # What was stored may be less than what was asked for.
            self._asked.remove(order.order_id)
            self._orders.known[order.order_id] = executor_orders.in_flight(order)
        elif (known := self._orders.known.get(order.order_id)) is not None:
            executor_orders.refresh(known, order)

    def _ask(self, wanted: Wanted) -> str:
        """Hand over an order. Its class finds it from now on, as in the engine: a grid closes again what it cannot find."""
        order_id = self._place(wanted)
        self._orders.known[order_id] = executor_orders.asked(order_id, wanted, time.time())
        self._asked.add(order_id)
        return order_id

    def state(self) -> dict[str, JsonValue]:
        """Its state, to go on from."""
        return executor_state.captured(self._type, self._executor)

    def figures(self) -> dict[str, Decimal]:
        """FIGURES by name; 0 for what is not a number. Unavailable when they need a live price and there is none."""
        return {name: _finite(getattr(self._executor, name)) for name in FIGURES}

    def custom_info(self) -> dict[str, JsonValue]:
        """What its class tells beside the figures, as JSON."""
        found: dict[str, JsonValue] = to_jsonable_python(
            self._executor.get_custom_info(), inf_nan_mode="constants", fallback=_plain
        )
        return found


def _running() -> Any:
    return importlib.import_module("hummingbot.strategy_v2.models.base").RunnableStatus.RUNNING


def _finite(value: Any) -> Decimal:
    number = Decimal(str(value))
    return number if number.is_finite() else Decimal(0)


def _plain(value: Any) -> str:
    return str(value)
