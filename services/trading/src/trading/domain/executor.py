"""The executor decider: from its creation over its own progress to its close, each fact once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import assert_never

from contracts.trading import (
    ExecutorClosed,
    ExecutorCreated,
    ExecutorEvent,
    ExecutorFaltered,
    ExecutorIdUsed,
    ExecutorNotActive,
    ExecutorProgressed,
    ExecutorResumed,
    ExecutorStarted,
    ExecutorStatus,
    ExecutorStopFailed,
    ExecutorStopRequested,
    ExecutorUnknown,
)
from contracts.trading.executor import ExecutorFeeConverted, ExecutorReopened
from eventlog.decider import Decider

from trading.domain.executor_commands import (
    Begin,
    Close,
    ConvertFee,
    Create,
    ExecutorCommand,
    FailStop,
    Falter,
    Progress,
    Reopen,
    RequestStop,
    Strand,
    TakeUp,
)


@dataclass(frozen=True, slots=True)
class Executor:
    """`orders` are the ids of all orders it ever meant to place, oldest first; `progress` is its newest own state.

    `stranded`: why nobody can run it now, when its owner was told. `rates`: of fees in third tokens, by order and trade.
    `closings`: how often it was closed; `reopened`: the end that was taken back, until there is another one.
    """

    created: ExecutorCreated | None = None
    started: bool = False
    progress: ExecutorProgressed | None = None
    orders: tuple[str, ...] = ()
    stop: ExecutorStopRequested | None = None
    stop_failed: ExecutorStopFailed | None = None
    stranded: str | None = None
    rates: Mapping[tuple[str, str], Decimal] = field(default_factory=dict)
    closed: ExecutorClosed | None = None
    closings: int = 0
    reopened: ExecutorClosed | None = None

    @property
    def status(self) -> ExecutorStatus:
        """How far it is."""
        if self.closed is not None:
            return ExecutorStatus.TERMINATED
        if self.reopened is not None:
            return ExecutorStatus.SHUTTING_DOWN
        if self.progress is not None:
            # The engine's object has ended, but not everything it left on the exchange.
            ended = self.progress.status is ExecutorStatus.TERMINATED
            return ExecutorStatus.SHUTTING_DOWN if ended else self.progress.status
        return ExecutorStatus.RUNNING if self.started else ExecutorStatus.NOT_STARTED


def decide(state: Executor, command: ExecutorCommand) -> Sequence[ExecutorEvent]:
    """The events of a command; none when nothing is new. Raises ExecutorIdUsed, ExecutorUnknown, ExecutorNotActive."""
    id_ = command.executor_id
    match command:
        case Create():
            return _create(state, command)
        case RequestStop():
            return _request_stop(state, command)
        case Reopen():
            return [] if state.closed is None else [_reopened(state.closed, command)]
        case _ if state.created is None or state.closed is not None:
            return []
        case Begin():
            return [] if state.started else [ExecutorStarted(executor_id=id_, holder=command.holder, time=command.time)]
        case Progress():
            return _progress(state, command)
        case FailStop() | Strand():
            return _exposed(state, command)
        case ConvertFee():
            return [] if (command.order_id, command.trade_id) in state.rates else [_converted(command)]
        case TakeUp() | Falter() | Close():
            return [_fact(command)]
        case _:
            assert_never(command)


def evolve(state: Executor, event: ExecutorEvent) -> Executor:  # noqa: C901 - one arm per event
    """The state after one event."""
    match event:
        case ExecutorCreated():
            return replace(state, created=event)
        case ExecutorStarted():
            return replace(state, started=True, stranded=None)
        case ExecutorProgressed():
            return replace(state, started=True, progress=event, orders=(*state.orders, *event.placing), stranded=None)
        case ExecutorResumed():
            return replace(state, stranded=None)
        case ExecutorFaltered():
            return replace(state, stranded=event.reason)
        case ExecutorFeeConverted():
            return replace(state, rates={**state.rates, (event.order_id, event.trade_id): event.rate})
        case ExecutorStopRequested():
            return replace(state, stop=event)
        case ExecutorStopFailed():
            return replace(state, stop_failed=event)
        case ExecutorClosed():
            return replace(state, closed=event, closings=state.closings + 1, reopened=None)
        case ExecutorReopened():
            return replace(state, closed=None, reopened=state.closed)
        case _:
            assert_never(event)


def _create(state: Executor, command: Create) -> list[ExecutorEvent]:
    if state.created is None:
        return [command.created]
    if _request(state.created) != _request(command.created):
        raise ExecutorIdUsed(f"Executor '{command.executor_id}' exists with another configuration", field="id")
    return []


def _request(created: ExecutorCreated) -> ExecutorCreated:
    """What was asked for: not when, and not what the engine fills in for when."""
    epoch = datetime.fromtimestamp(0, UTC)
    return created.model_copy(update={"time": epoch, "config": {**created.config, "timestamp": None}})


def _request_stop(state: Executor, command: RequestStop) -> list[ExecutorEvent]:
    if state.created is None:
        raise ExecutorUnknown(f"Executor '{command.executor_id}' not found", field="executor_id")
    if state.closed is not None:
        raise ExecutorNotActive(f"Executor '{command.executor_id}' is not active", field="executor_id")
    if state.stop is not None and state.stop.keep_position == command.keep_position:
        return []
    requested = ExecutorStopRequested(
        executor_id=command.executor_id, keep_position=command.keep_position, reason=command.reason, time=command.time
    )
    return [requested]


def _progress(state: Executor, command: Progress) -> list[ExecutorEvent]:
    progressed = ExecutorProgressed(
        executor_id=command.executor_id,
        status=command.status,
        state=command.state,
        placing=command.placing,
        seen=command.seen,
        figures=command.figures,
    )
    before = state.progress
    unchanged = before is not None and (before.status, before.state, before.seen) == (
        progressed.status,
        progressed.state,
        progressed.seen,
    )
    return [] if unchanged and not command.placing else [progressed]


def _exposed(state: Executor, command: FailStop | Strand) -> list[ExecutorEvent]:
    id_, reason, exposure, time = command.executor_id, command.reason, command.exposure, command.time
    if isinstance(command, Strand):
        faltered = ExecutorFaltered(executor_id=id_, reason=reason, exposure=exposure, time=time)
        return [] if state.stranded == reason else [faltered]
    if state.stop_failed is not None and state.stop_failed.exposure == exposure:
        return []
    return [ExecutorStopFailed(executor_id=id_, reason=reason, exposure=exposure, time=time)]


def _converted(command: ConvertFee) -> ExecutorEvent:
    return ExecutorFeeConverted(
        executor_id=command.executor_id,
        order_id=command.order_id,
        trade_id=command.trade_id,
        token=command.token,
        quote_token=command.quote_token,
        rate=command.rate,
        time=command.time,
    )


def _fact(command: TakeUp | Falter | Close) -> ExecutorEvent:
    match command:
        case TakeUp():
            return _resumed(command)
        case Falter():
            return ExecutorFaltered(executor_id=command.executor_id, reason=command.reason, time=command.time)
        case _:
            return _closed(command)


def _resumed(command: TakeUp) -> ExecutorEvent:
    return ExecutorResumed(
        executor_id=command.executor_id,
        holder=command.holder,
        orders_adopted=command.orders_adopted,
        fills_recovered=command.fills_recovered,
        time=command.time,
    )


def _reopened(closed: ExecutorClosed, command: Reopen) -> ExecutorEvent:
    return ExecutorReopened(
        executor_id=command.executor_id,
        orders=command.orders,
        close_type=closed.close_type,
        net_pnl_quote=closed.net_pnl_quote,
        net_pnl_pct=closed.net_pnl_pct,
        cum_fees_quote=closed.cum_fees_quote,
        filled_amount_quote=closed.filled_amount_quote,
        kept=bool(closed.held),
        reason=command.reason,
        time=command.time,
    )


def _closed(command: Close) -> ExecutorEvent:
    return ExecutorClosed(
        executor_id=command.executor_id,
        close_type=command.close_type,
        net_pnl_quote=command.figures["net_pnl_quote"],
        net_pnl_pct=command.figures["net_pnl_pct"],
        cum_fees_quote=command.figures["cum_fees_quote"],
        filled_amount_quote=command.figures["filled_amount_quote"],
        held=command.held,
        custom_info=command.custom_info,
        reason=command.reason,
        time=command.time,
    )


EXECUTOR: Decider[Executor, ExecutorCommand, ExecutorEvent] = Decider(initial=Executor(), decide=decide, evolve=evolve)
