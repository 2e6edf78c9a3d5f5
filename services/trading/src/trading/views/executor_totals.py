"""What ended executors add up to: a row for each combination of what they can be searched by, kept up by every close.

So counting and reporting read a few rows, however many executors ended.
"""

from __future__ import annotations

from collections.abc import Iterable

from contracts.trading import CloseType, ExecutorClosed
from contracts.trading.executor import ExecutorReopened
from contracts.trading.funding import FundingShared
from eventlog.recorded import Recorded
from eventlog.statements import Statement, Write
from sqlalchemy import BigInteger, Column, Index, MetaData, Numeric, Table, Text, text

metadata = MetaData()

executor_totals = Table(
    "executor_totals",
    metadata,
    Column("account", Text, primary_key=True),
    Column("controller_id", Text, primary_key=True),
    Column("executor_type", Text, primary_key=True),
    Column("connector", Text, primary_key=True),
    Column("trading_pair", Text, primary_key=True),
    # POSITION_HOLD for all that kept something, however they ended.
    Column("close_type", Text, primary_key=True),
    Column("executors", BigInteger, nullable=False),
    Column("wins", BigInteger, nullable=False),
    Column("pnl", Numeric, nullable=False),
    # The sum of squares: with sum and count it gives the deviation.
    Column("pnl_squares", Numeric, nullable=False),
    Column("pct", Numeric, nullable=False),
    Column("volume", Numeric, nullable=False),
    Column("fees", Numeric, nullable=False),
)
Index("executor_totals_by_controller", executor_totals.c.controller_id)

controller_funding = Table(
    "controller_funding",
    metadata,
    Column("controller_id", Text, primary_key=True),
    Column("funding", Numeric, nullable=False),
)
"""All shares of a controller's executors, running and ended, and of its holds."""

_ADD = Statement(
    text(
        """INSERT INTO executor_totals AS total (account, controller_id, executor_type, connector, trading_pair, close_type,
            executors, wins, pnl, pnl_squares, pct, volume, fees)
        SELECT account, controller_id, executor_type, connector, trading_pair, CAST(:close_type AS text),
            CAST(:times AS bigint), CAST(:times AS bigint) * CAST(:wins AS bigint),
            CAST(:times AS bigint) * CAST(:pnl AS numeric),
            CAST(:times AS bigint) * CAST(:pnl AS numeric) * CAST(:pnl AS numeric),
            CAST(:times AS bigint) * CAST(:pct AS numeric), CAST(:times AS bigint) * CAST(:volume AS numeric),
            CAST(:times AS bigint) * CAST(:fees AS numeric)
        FROM executors WHERE executor_id = :executor_id
        ON CONFLICT (account, controller_id, executor_type, connector, trading_pair, close_type) DO UPDATE SET
            executors = total.executors + excluded.executors, wins = total.wins + excluded.wins,
            pnl = total.pnl + excluded.pnl, pnl_squares = total.pnl_squares + excluded.pnl_squares,
            pct = total.pct + excluded.pct, volume = total.volume + excluded.volume, fees = total.fees + excluded.fees"""
    )
)


_FUNDED = Statement(
    text(
        """INSERT INTO controller_funding AS total (controller_id, funding) VALUES (:controller_id, :amount)
        ON CONFLICT (controller_id) DO UPDATE SET funding = total.funding + excluded.funding"""
    )
)


class ExecutorTotalsView:
    """Adds every closed executor to its row, and takes off one whose end is taken back.

    Projected after `ExecutorsView`, whose row says what the executor is.
    """

    name = "executor_totals"
    metadata = metadata

    def project(self, recorded: Recorded) -> Iterable[Write]:
        """One write for an end, for taking it back, and for a share of funding; none for other events."""
        event = recorded.event
        if isinstance(event, ExecutorClosed):
            yield _added(event, 1, kept=bool(event.held))
        elif isinstance(event, ExecutorReopened):
            yield _added(event, -1, kept=event.kept)
        elif isinstance(event, FundingShared):
            for share in event.shares:
                yield _FUNDED.bind(controller_id=share.controller_id, amount=share.amount)


def _added(event: ExecutorClosed | ExecutorReopened, times: int, *, kept: bool) -> Write:
    # What was kept is told with the hold: types that only build up a position keep it and end as COMPLETED.
    close_type = CloseType.POSITION_HOLD if kept else event.close_type
    return _ADD.bind(
        executor_id=event.executor_id,
        close_type=close_type.value,
        times=times,
        wins=int(event.net_pnl_quote > 0),
        pnl=event.net_pnl_quote,
        pct=event.net_pnl_pct,
        volume=event.filled_amount_quote,
        fees=event.cum_fees_quote,
    )
