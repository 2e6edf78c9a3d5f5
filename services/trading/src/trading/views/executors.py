"""The executors table: one row per executor, with an index for every filter of the contract."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from contracts.trading import (
    ExecutorClosed,
    ExecutorCreated,
    ExecutorFaltered,
    ExecutorProgressed,
    ExecutorStarted,
    ExecutorStatus,
    ExecutorStopFailed,
    ExecutorStopRequested,
    PositionHeld,
)
from contracts.trading.executor import ExecutorReopened
from contracts.trading.funding import FundingShared
from eventlog.log import EventLog
from eventlog.recorded import Recorded
from eventlog.statements import Statement, Write
from pydantic_core import to_json
from sqlalchemy import Boolean, Column, DateTime, Index, Integer, MetaData, Numeric, Table, Text, text
from sqlalchemy.dialects.postgresql import JSONB

metadata = MetaData()

executors = Table(
    "executors",
    metadata,
    Column("executor_id", Text, primary_key=True),
    Column("executor_type", Text, nullable=False),
    Column("account", Text, nullable=False),
    Column("controller_id", Text, nullable=False),
    # Of the first market; `connectors` and `markets` name all.
    Column("connector", Text, nullable=False),
    Column("trading_pair", Text, nullable=False),
    Column("connectors", JSONB, nullable=False),
    Column("markets", JSONB, nullable=False),
    Column("config", JSONB, nullable=False),
    Column("status", Text, nullable=False),
    Column("started", Boolean, nullable=False, server_default="false"),
    Column("stopping", Boolean, nullable=False, server_default="false"),
    Column("close_type", Text),
    Column("net_pnl_quote", Numeric, nullable=False, server_default="0"),
    Column("net_pnl_pct", Numeric, nullable=False, server_default="0"),
    Column("cum_fees_quote", Numeric, nullable=False, server_default="0"),
    Column("filled_amount_quote", Numeric, nullable=False, server_default="0"),
    Column("funding_quote", Numeric, nullable=False, server_default="0"),
    Column("custom_info", JSONB, nullable=False, server_default="{}"),
    Column("orders", Integer, nullable=False, server_default="0"),
    Column("error_count", Integer, nullable=False, server_default="0"),
    Column("last_error", Text),
    Column("closings", Integer, nullable=False, server_default="0"),
    # Positions it kept at its last end, and how many of them became holds.
    Column("holds_due", Integer, nullable=False, server_default="0"),
    Column("holds_recorded", Integer, nullable=False, server_default="0"),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("closed_at", DateTime(timezone=True)),
    Column("updated_at", DateTime(timezone=True), nullable=False),
)


def _index(name: str, *columns: str, where: str | None = None) -> None:
    condition = None if where is None else text(where)
    Index(f"executors_by_{name}", *(executors.c[column] for column in columns), postgresql_where=condition)


_index("time", "created_at", "executor_id")
_index("account", "account", "created_at", "executor_id")
_index("connector", "connector", "created_at", "executor_id")
_index("pair", "trading_pair", "created_at", "executor_id")
_index("type", "executor_type", "created_at", "executor_id")
_index("status", "status", "created_at", "executor_id")
_index("controller", "controller_id", "created_at", "executor_id")
_index("account_type", "account", "executor_type", "created_at", "executor_id")
_index("account_pair", "account", "trading_pair", "created_at", "executor_id")
_index("open", "account", "connector", where="closed_at IS NULL")
_index("holds_due", "executor_id", where="holds_recorded < holds_due")

_CREATED = Statement(
    text(
        """INSERT INTO executors (executor_id, executor_type, account, controller_id, connector, trading_pair, connectors,
            markets, config, status, created_at, updated_at)
        VALUES (:executor_id, :executor_type, :account, :controller_id, :connector, :trading_pair,
            CAST(CAST(:connectors AS text) AS jsonb), CAST(CAST(:markets AS text) AS jsonb),
            CAST(CAST(:config AS text) AS jsonb), :status, :created_at, :at)"""
    )
)
_STARTED = Statement(
    text("UPDATE executors SET started = true, status = :status, updated_at = :at WHERE executor_id = :executor_id")
)
_PROGRESSED = Statement(
    text(
        """UPDATE executors SET status = :status, started = true, orders = orders + CAST(:placing AS integer),
            net_pnl_quote = coalesce(CAST(:net_pnl_quote AS numeric), net_pnl_quote),
            net_pnl_pct = coalesce(CAST(:net_pnl_pct AS numeric), net_pnl_pct),
            cum_fees_quote = coalesce(CAST(:cum_fees_quote AS numeric), cum_fees_quote),
            filled_amount_quote = coalesce(CAST(:filled_amount_quote AS numeric), filled_amount_quote),
            updated_at = :at WHERE executor_id = :executor_id"""
    )
)
_STOP_REQUESTED = Statement(text("UPDATE executors SET stopping = true, updated_at = :at WHERE executor_id = :executor_id"))
_FAILED = Statement(
    text(
        """UPDATE executors SET error_count = error_count + 1, last_error = :reason, updated_at = :at
            WHERE executor_id = :executor_id"""
    )
)
_CLOSED = Statement(
    text(
        """UPDATE executors SET status = 'TERMINATED', close_type = :close_type, closed_at = :closed_at,
            net_pnl_quote = :net_pnl_quote, net_pnl_pct = :net_pnl_pct, cum_fees_quote = :cum_fees_quote,
            filled_amount_quote = :filled_amount_quote, custom_info = CAST(CAST(:custom_info AS text) AS jsonb),
            last_error = coalesce(:reason, last_error), closings = closings + 1,
            holds_due = CAST(:holds_due AS integer), holds_recorded = 0, updated_at = :at
            WHERE executor_id = :executor_id"""
    )
)
_REOPENED = Statement(
    text(
        """UPDATE executors SET status = 'SHUTTING_DOWN', close_type = NULL, closed_at = NULL, holds_due = 0,
            error_count = error_count + 1, last_error = :reason, updated_at = :at WHERE executor_id = :executor_id"""
    )
)
_FUNDED = Statement(
    text(
        """UPDATE executors SET funding_quote = funding_quote + CAST(:amount AS numeric), updated_at = :at
            WHERE executor_id = :executor_id"""
    )
)
_HELD = Statement(
    text(
        """UPDATE executors SET holds_recorded = holds_recorded + 1
            WHERE executor_id = :executor_id AND closings = CAST(:closing AS integer)"""
    )
)


class ExecutorsView:
    """Projects every executor event onto its row."""

    name = "executors"
    metadata = metadata

    def project(self, recorded: Recorded) -> Iterable[Write]:  # noqa: C901 - one arm per event
        """The writes of one event; none for events that do not concern executors."""
        event, at = recorded.event, recorded.recorded_at
        match event:
            case ExecutorCreated():
                yield _created(event, recorded)
            case ExecutorStarted():
                yield _STARTED.bind(executor_id=event.executor_id, status=ExecutorStatus.RUNNING.value, at=at)
            case ExecutorProgressed():
                yield _progressed(event, recorded)
            case ExecutorStopRequested():
                yield _STOP_REQUESTED.bind(executor_id=event.executor_id, at=at)
            case ExecutorStopFailed() | ExecutorFaltered():
                yield _FAILED.bind(executor_id=event.executor_id, reason=event.reason, at=at)
            case ExecutorClosed():
                yield _closed(event, recorded)
            case PositionHeld():
                yield _HELD.bind(executor_id=event.executor_id, closing=event.closing)
            case FundingShared():
                for share in event.shares:
                    if share.executor_id is not None:
                        yield _FUNDED.bind(executor_id=share.executor_id, amount=share.amount, at=at)
            case ExecutorReopened():
                yield _REOPENED.bind(executor_id=event.executor_id, reason=event.reason, at=at)
            case _:
                return


@dataclass(frozen=True, slots=True)
class OpenExecutor:
    """An executor that is not closed: its id, account, and the connectors it trades on, its home first."""

    executor_id: str
    account: str
    connectors: tuple[str, ...]
    stopping: bool


async def open_executors(log: EventLog) -> list[OpenExecutor]:
    """All executors that are not closed, oldest first. Raises Unavailable."""
    rows = await log.fetch(
        """SELECT executor_id, account, ARRAY(SELECT jsonb_array_elements_text(connectors)) AS connectors, stopping
        FROM executors WHERE closed_at IS NULL ORDER BY created_at, executor_id"""
    )
    return [OpenExecutor(row["executor_id"], row["account"], tuple(row["connectors"]), row["stopping"]) for row in rows]


async def executors_on(log: EventLog, account: str, connector: str) -> int:
    """How many executors that are not closed trade on a session. Raises Unavailable."""
    return sum(each.account == account and connector in each.connectors for each in await open_executors(log))


@dataclass(frozen=True, slots=True)
class Uncredentialed:
    """An executor that is not closed, and a connector of it for which its account has no credential."""

    executor_id: str
    account: str
    connector: str


async def uncredentialed(log: EventLog) -> list[Uncredentialed]:
    """All executors that no session can run. Raises Unavailable."""
    rows = await log.fetch(
        """SELECT executor_id, account, connector FROM (
            SELECT executor_id, account, jsonb_array_elements_text(connectors) AS connector
            FROM executors WHERE closed_at IS NULL) e
        WHERE NOT EXISTS (SELECT FROM credentials c WHERE c.account = e.account AND c.connector = e.connector)
        ORDER BY executor_id, connector"""
    )
    return [Uncredentialed(*row) for row in rows]


async def unrecorded_holds(log: EventLog) -> list[str]:
    """The executors that ended with a position kept which is not a hold yet. Raises Unavailable."""
    return [row["executor_id"] for row in await log.fetch("SELECT executor_id FROM executors WHERE holds_recorded < holds_due")]


def _created(event: ExecutorCreated, recorded: Recorded) -> Write:
    home = event.markets[0]
    connectors = list(dict.fromkeys(market.connector for market in event.markets))
    return _CREATED.bind(
        executor_id=event.executor_id,
        executor_type=event.executor_type.value,
        account=event.account,
        controller_id=event.controller_id,
        connector=home.connector,
        trading_pair=home.trading_pair,
        connectors=to_json(connectors).decode(),
        markets=to_json([market.model_dump(mode="json") for market in event.markets]).decode(),
        config=to_json(event.config).decode(),
        status=ExecutorStatus.NOT_STARTED.value,
        created_at=event.time,
        at=recorded.recorded_at,
    )


def _progressed(event: ExecutorProgressed, recorded: Recorded) -> Write:
    # The engine's object may have ended while something of it is still on the exchange.
    ended = event.status is ExecutorStatus.TERMINATED
    return _PROGRESSED.bind(
        executor_id=event.executor_id,
        status=ExecutorStatus.SHUTTING_DOWN.value if ended else event.status.value,
        placing=len(event.placing),
        net_pnl_quote=event.figures.get("net_pnl_quote"),
        net_pnl_pct=event.figures.get("net_pnl_pct"),
        cum_fees_quote=event.figures.get("cum_fees_quote"),
        filled_amount_quote=event.figures.get("filled_amount_quote"),
        at=recorded.recorded_at,
    )


def _closed(event: ExecutorClosed, recorded: Recorded) -> Write:
    return _CLOSED.bind(
        executor_id=event.executor_id,
        close_type=event.close_type.value,
        closed_at=event.time,
        net_pnl_quote=event.net_pnl_quote,
        net_pnl_pct=event.net_pnl_pct,
        cum_fees_quote=event.cum_fees_quote,
        filled_amount_quote=event.filled_amount_quote,
        custom_info=to_json(event.custom_info, inf_nan_mode="null").decode(),
        reason=event.reason,
        holds_due=len({(each.connector, each.trading_pair) for each in event.held}),
        at=recorded.recorded_at,
    )
