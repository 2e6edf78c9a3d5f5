"""Position holds: what ended executors kept becomes a hold, and holds are shown and cleared."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from contracts import naming
from contracts.message import TOKEN, Metadata, utc_now
from contracts.rejections import Unavailable
from contracts.trading import (
    ClearPositionHold,
    ExecutorFill,
    GetPositionHold,
    HoldForgotten,
    PositionHoldUnknown,
    SummarisePositionHolds,
)
from eventlog.execute import execute, load
from eventlog.log import EventLog
from pydantic_core import to_json

from trading.domain.executor import EXECUTOR
from trading.domain.hold import HOLD, Clear, Keep, nothing_held
from trading.handlers.exchange import Rates
from trading.handlers.executor import executor_stream
from trading.views import holds
from trading.views.executor_report import HeldTotals
from trading.views.executors import unrecorded_holds


async def record_holds(log: EventLog) -> None:
    """Make a hold of what each ended executor kept, once, also of one whose process died right after its end."""
    for executor_id in await unrecorded_holds(log):
        state, _ = await load(log, EXECUTOR, executor_stream(executor_id))
        created, closed = state.created, state.closed
        if created is None or closed is None:
            continue
        kept: dict[tuple[str, str], list[ExecutorFill]] = defaultdict(list)
        for fill in closed.held:
            kept[fill.connector, fill.trading_pair].append(fill)
        for (connector, pair), fills in kept.items():
            keep = Keep(
                account=created.account,
                connector=connector,
                trading_pair=pair,
                controller_id=created.controller_id,
                executor_id=executor_id,
                closing=state.closings,
                fills=tuple(fills),
                time=closed.time,
            )
            stream = hold_stream(created.account, connector, pair, created.controller_id)
            await execute(log, HOLD, stream, keep, Metadata(actor=f"executor:{executor_id}"))


class Holds:
    """Shows and clears what executors kept."""

    def __init__(self, log: EventLog, rates: Rates) -> None:
        self._log = log
        self._rates = rates

    async def clear(self, command: ClearPositionHold, metadata: Metadata) -> HoldForgotten:
        """Forget a hold. Refused: PositionHoldUnknown."""
        clear = Clear(
            account=command.account,
            connector=command.connector,
            trading_pair=command.trading_pair,
            controller_id=command.controller_id,
            time=utc_now(),
        )
        stream = hold_stream(command.account, command.connector, command.trading_pair, command.controller_id)
        await execute(self._log, HOLD, stream, clear, metadata)
        return HoldForgotten(
            message=f"Position hold of {command.trading_pair} on {command.connector} cleared",
            connector_name=command.connector,
            trading_pair=command.trading_pair,
        )

    async def get(self, query: GetPositionHold, _metadata: Metadata) -> bytes:
        """One hold. Refused: PositionHoldUnknown."""
        row = await holds.active_hold(self._log, query.account, query.connector, query.trading_pair, query.controller_id)
        if row is None:
            raise PositionHoldUnknown(nothing_held(query.controller_id, query.connector, query.trading_pair))
        return to_json(holds.hold(row, await self._prices([row])))

    async def summarise(self, query: SummarisePositionHolds, _metadata: Metadata) -> bytes:
        """All holds; their unrealised profit together is null while a price is missing."""
        rows = await holds.active_holds(self._log, query.controller_id)
        prices = await self._prices(rows)
        profits = [holds.unrealized(row, prices.get(row["trading_pair"])) for row in rows]
        known = [profit for profit in profits if profit is not None]
        summary = {
            "total_positions": len(rows),
            "total_realized_pnl": float(sum((row["realized_pnl_quote"] for row in rows), Decimal(0))),
            "total_unrealized_pnl": float(sum(known, Decimal(0))) if len(known) == len(profits) else None,
            "positions": [holds.hold(row, prices) for row in rows],
        }
        return to_json(summary)

    async def totals(self, controller_id: str | None) -> HeldTotals:
        """What holds add to a report; a remainder without a price counts as worth what it cost."""
        rows = await holds.active_holds(self._log, controller_id)
        prices = await self._prices(rows)
        open_profit = sum((holds.unrealized(row, prices.get(row["trading_pair"])) or Decimal(0) for row in rows), Decimal(0))
        return await holds.held_totals(self._log, controller_id, open_profit)

    async def _prices(self, rows: Iterable[Any]) -> dict[str, Decimal | None]:
        """Prices by trading pair, without those that no source tells now."""
        wanted: dict[str, set[str]] = defaultdict(set)
        for row in rows:
            if row["open_base"]:
                base, _, quote = row["trading_pair"].partition("-")
                wanted[quote].add(base)
        found: dict[str, Decimal | None] = {}
        for quote, bases in wanted.items():
            try:
                rates = await self._rates.rates(sorted(bases), quote)
            except Unavailable:
                continue
            found |= {f"{base}-{quote}": price for base, price in rates.items()}
        return found


def hold_stream(account: str, connector: str, trading_pair: str, controller_id: str) -> str:
    """The stream of a hold; a pair that is no token of a subject is named by its digest."""
    pair = trading_pair if TOKEN.fullmatch(trading_pair) else uuid5(NAMESPACE_URL, trading_pair).hex
    return naming.stream_id("trading", "hold", f"{account}.{connector}.{pair}.{controller_id}")
