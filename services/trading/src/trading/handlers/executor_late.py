"""Orders that prove to live, or to have executed more, after their executor was closed: it is reopened to close them too."""

from __future__ import annotations

import logging
from itertools import groupby

from contracts.message import Metadata, utc_now
from contracts.trading import ExecutorClosed
from eventlog.execute import execute, load
from eventlog.log import EventLog

from trading.domain import money
from trading.domain.executor import EXECUTOR, Executor
from trading.domain.executor_commands import Reopen
from trading.domain.executor_orders import Picture, picture
from trading.domain.executor_result import fills
from trading.handlers.executor import executor_stream
from trading.handlers.executor_log import logged_as
from trading.handlers.live import order_stream
from trading.views.late_orders import LateOrder, looked_at, orders_of_closed

logger = logging.getLogger(__name__)


class LateOrders:
    """Looks at executors whose orders changed after their end. Whoever looks, an executor is reopened once."""

    def __init__(self, log: EventLog) -> None:
        self._log = log

    async def reopen(self) -> int:
        """Reopen every closed executor of which an order is open or executed what its end does not count; how many.

        Raises Unavailable.
        """
        count = 0
        for executor_id, marked in groupby(await orders_of_closed(self._log), key=lambda each: each.executor_id):
            late = list(marked)
            state, _ = await load(self._log, EXECUTOR, executor_stream(executor_id))
            if state.closed is not None and await self._uncounted(state, state.closed):
                await self._reopen(executor_id, late)
                count += 1
            for each in late:
                await looked_at(self._log, each)
        return count

    async def _uncounted(self, state: Executor, closed: ExecutorClosed) -> bool:
        orders = [found for order_id in state.orders if (found := await self._order(order_id)) is not None]
        traded = money.total(fill.quote for fill in fills(orders))
        return traded != closed.filled_amount_quote or any(each.state.closed is None for each in orders)

    async def _reopen(self, executor_id: str, late: list[LateOrder]) -> None:
        names = tuple(each.order_id for each in late)
        told = f"{', '.join(names)} lived after the executor was closed; reopened to take it off and to count what it executed"
        reopen = Reopen(executor_id=executor_id, orders=names, reason=told, time=utc_now())
        done = await execute(self._log, EXECUTOR, executor_stream(executor_id), reopen, Metadata(actor="trading"))
        if done.events:
            with logged_as(executor_id):
                logger.warning("order %s", told)

    async def _order(self, order_id: str) -> Picture | None:
        return picture((one.event, one.recorded_at) for one in await self._log.read(order_stream(order_id)))
