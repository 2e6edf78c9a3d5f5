"""Executors that nobody can run because a credential is gone: their owner is told what stays on the exchange."""

from __future__ import annotations

import time

from contracts.message import Metadata, utc_now
from eventlog.execute import execute, load
from eventlog.log import EventLog

from trading.domain.executor import EXECUTOR
from trading.domain.executor_commands import Strand
from trading.domain.executor_orders import Picture, exposure, picture
from trading.domain.executor_result import fills
from trading.handlers.executor import executor_stream
from trading.handlers.live import order_stream
from trading.views.executors import Uncredentialed, uncredentialed

GRACE_SECONDS = 5.0
"""After which a credential that is gone is not just being replaced."""


class Stranded:
    """Tells of each once, however many replicas look."""

    def __init__(self, log: EventLog) -> None:
        self._log = log
        self._since: dict[Uncredentialed, float] = {}
        self._told: set[Uncredentialed] = set()

    async def tell(self) -> None:
        """Look which executors lack a credential, and record it. Raises Unavailable."""
        found = await uncredentialed(self._log)
        self._since = {each: self._since.get(each, time.monotonic()) for each in found}
        self._told &= set(found)
        for each in found:
            if each not in self._told and time.monotonic() - self._since[each] >= GRACE_SECONDS:
                await self._record(each)
                self._told.add(each)

    async def _record(self, each: Uncredentialed) -> None:
        stream = executor_stream(each.executor_id)
        state, _ = await load(self._log, EXECUTOR, stream)
        orders = [found for order_id in state.orders if (found := await self._order(order_id)) is not None]
        strand = Strand(
            executor_id=each.executor_id,
            reason=f"It does not run: account '{each.account}' has no credential for {each.connector}. Nobody watches"
            f" {_described(orders)}. It goes on when there is a credential again",
            exposure=fills(orders),
            time=utc_now(),
        )
        await execute(self._log, EXECUTOR, stream, strand, Metadata(actor="trading"))

    async def _order(self, order_id: str) -> Picture | None:
        return picture((one.event, one.recorded_at) for one in await self._log.read(order_stream(order_id)))


def _described(orders: list[Picture]) -> str:
    waiting = sum(each.state.closed is None for each in orders)
    net = [f"{amount:+f} of {pair} at {connector}" for (connector, pair), amount in exposure(orders).items()]
    return " and ".join([f"{waiting} open orders", ", ".join(net) or "no position"])
