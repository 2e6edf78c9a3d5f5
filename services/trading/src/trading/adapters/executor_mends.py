"""Where an engine executor would trade wrongly, its class with that one method put right."""

from __future__ import annotations

import importlib
from functools import lru_cache
from typing import Any


@lru_cache(maxsize=1)
def twap() -> Any:
    """The TWAP executor that keeps its plan when an order fails.

    The engine's forgets all other orders of the plan then, and with them what they executed: the next order would be for the
    whole amount again.
    """
    engines = importlib.import_module("hummingbot.strategy_v2.executors.twap_executor.twap_executor").TWAPExecutor

    class Twap(engines):  # type: ignore[misc, valid-type]
        """See `twap`."""

        def process_order_failed_event(self, event_tag: int, market: Any, event: Any) -> None:
            """Empty the order's place in the plan, so that it is placed again."""
            for timestamp, order in self._order_plan.items():
                if order is not None and order.order_id == event.order_id:
                    order.order = self.get_in_flight_order(self.config.connector_name, event.order_id)
                    self._failed_orders.append(order)
                    self._order_plan[timestamp] = None
                    self._current_retries += 1

    return Twap
