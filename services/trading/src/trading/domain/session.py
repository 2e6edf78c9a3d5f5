"""The session decider: which facts about a connection to an exchange are worth recording."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, assert_never

from contracts.accounts import OrdersOpen
from contracts.trading import (
    Balance,
    BalancesReported,
    LeverageSet,
    Position,
    PositionEvent,
    PositionModeSet,
    PositionsReported,
    SessionEvent,
    SessionFailed,
    SessionReconciled,
    SessionReleased,
    SessionStarted,
    SessionStopped,
)
from contracts.trading.reconciliation import DifferenceEvent, PositionAgreed, PositionDiffered
from eventlog.decider import Decider, SnapshotCodec
from pydantic import TypeAdapter

from trading.domain import positions, reconciliation
from trading.domain.internal import Internal
from trading.domain.positions import PositionCommand, RecordLeverage, RecordMode, RecordPositions
from trading.domain.reconciliation import Difference, Key, RecordComparison

type Recordable = SessionEvent | PositionEvent | DifferenceEvent
"""What a session's stream holds."""


class Phase(StrEnum):
    """Where a session is in its life; `state` of the SessionState reply."""

    STARTING = "starting"
    READY = "ready"
    FAILED = "failed"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Session:
    """`released`: it must not run on this credential version, whoever wants to."""

    phase: Phase = Phase.STOPPED
    reason: str | None = None
    credential_version: int = 0
    holder: str | None = None
    released: bool = False
    balances: tuple[Balance, ...] | None = None
    positions: tuple[Position, ...] = ()
    differences: Mapping[Key, Difference] = field(default_factory=dict)


class Start(Internal):
    """A holder of the lease begins to connect."""

    credential_version: int
    holder: str


class RecordReconciled(Internal):
    """The session was compared with the exchange. `notable`: at a start or reconnect, so record it whatever was found."""

    orders_checked: int
    fills_recovered: int
    external_orders: int
    notable: bool


class Fail(Internal):
    """The session could not start or lost its exchange."""

    reason: str


class Release(Internal):
    """The session is to stop for good on this credential version. Refused: OrdersOpen unless forced.

    `executors`: how many trade on it, and may place orders at any moment.
    """

    open_orders: int
    executors: int = 0
    force: bool


class Stop(Internal):
    """The holder stopped."""

    reason: str


class RecordBalances(Internal):
    """All balances that are not zero, in any order."""

    balances: tuple[Balance, ...]


SessionCommand = Start | RecordReconciled | Fail | Release | Stop | RecordBalances | PositionCommand | RecordComparison


def decide(state: Session, command: SessionCommand) -> Sequence[Recordable]:  # noqa: C901 - one arm a command
    """The events of a command; none when nothing changed. Raises OrdersOpen."""
    account, connector = command.account, command.connector
    match command:
        case Start():
            return _start(state, command)
        case RecordReconciled():
            return _reconciled(state, command)
        case Fail():
            if state.phase is Phase.FAILED and state.reason == command.reason:
                return []
            return [SessionFailed(account=account, connector=connector, reason=command.reason)]
        case Release():
            return _release(state, command)
        case Stop():
            if state.phase is Phase.STOPPED:
                return []
            return [SessionStopped(account=account, connector=connector, reason=command.reason)]
        case RecordBalances():
            balances = tuple(sorted(command.balances, key=lambda balance: balance.token))
            if balances == state.balances:
                return []
            return [BalancesReported(account=account, connector=connector, balances=balances)]
        case RecordPositions() | RecordMode() | RecordLeverage():
            return positions.decide(state.positions, command)
        case RecordComparison():
            return reconciliation.decide(state.differences, command)
        case _:
            assert_never(command)


def evolve(state: Session, event: Recordable) -> Session:
    """The state after one event."""
    match event:
        case SessionStarted():
            return replace(
                state,
                phase=Phase.STARTING,
                reason=None,
                credential_version=event.credential_version,
                holder=event.holder,
                released=False,
            )
        case SessionReconciled():
            return replace(state, phase=Phase.READY, reason=None)
        case SessionFailed():
            return replace(state, phase=Phase.FAILED, reason=event.reason)
        case SessionReleased():
            return replace(state, released=True)
        case SessionStopped():
            return replace(state, phase=Phase.STOPPED, reason=event.reason)
        case BalancesReported():
            return replace(state, balances=event.balances)
        case PositionsReported():
            return replace(state, positions=event.positions)
        case PositionDiffered() | PositionAgreed():
            return replace(state, differences=reconciliation.evolve(state.differences, event))
        case PositionModeSet() | LeverageSet():
            return state
        case _:
            assert_never(event)


def _start(state: Session, command: Start) -> list[SessionEvent]:
    # A session that keeps failing is started again and again; only its first start says something.
    retried = state.phase is Phase.FAILED and state.credential_version == command.credential_version
    if retried and state.holder == command.holder and not state.released:
        return []
    started = SessionStarted(
        account=command.account,
        connector=command.connector,
        credential_version=command.credential_version,
        holder=command.holder,
    )
    return [started]


def _reconciled(state: Session, command: RecordReconciled) -> list[SessionEvent]:
    found = command.fills_recovered or command.external_orders
    if state.phase is Phase.READY and not (command.notable or found):
        return []
    reconciled = SessionReconciled(
        account=command.account,
        connector=command.connector,
        orders_checked=command.orders_checked,
        fills_recovered=command.fills_recovered,
        external_orders=command.external_orders,
    )
    return [reconciled]


def _release(state: Session, command: Release) -> list[SessionEvent]:
    if command.executors and not command.force:
        detail = f"{command.executors} executors run on {command.account} {command.connector}; stop them or use force"
        raise OrdersOpen(detail)
    if command.open_orders and not command.force:
        detail = f"{command.open_orders} orders are open on {command.account} {command.connector}; cancel them or use force"
        raise OrdersOpen(detail)
    if state.released:
        return []
    return [SessionReleased(account=command.account, connector=command.connector)]


_DIFFERENCE = TypeAdapter(Difference)


def _encode(state: Session) -> dict[str, Any]:
    balances = None if state.balances is None else [balance.model_dump(mode="json") for balance in state.balances]
    return {
        "phase": state.phase.value,
        "reason": state.reason,
        "credential_version": state.credential_version,
        "holder": state.holder,
        "released": state.released,
        "balances": balances,
        "positions": [position.model_dump(mode="json") for position in state.positions],
        "differences": [_DIFFERENCE.dump_python(each, mode="json") for each in state.differences.values()],
    }


def _decode(kept: dict[str, Any]) -> Session:
    balances = kept["balances"]
    read = None if balances is None else tuple(Balance.model_validate(balance) for balance in balances)
    held = tuple(Position.model_validate(position) for position in kept["positions"])
    differences = {each.key: each for each in map(_DIFFERENCE.validate_python, kept["differences"])}
    return Session(**{**kept, "phase": Phase(kept["phase"]), "balances": read, "positions": held, "differences": differences})


SESSION: Decider[Session, SessionCommand, Recordable] = Decider(
    initial=Session(), decide=decide, evolve=evolve, snapshots=SnapshotCodec(encode=_encode, decode=_decode, version=3)
)
