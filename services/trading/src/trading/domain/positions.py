"""Which facts about a session's positions are worth recording."""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_never

from contracts.trading import (
    LeverageSet,
    Position,
    PositionEvent,
    PositionMode,
    PositionModeSet,
    PositionsReported,
)

from trading.domain.internal import Internal


class RecordPositions(Internal):
    """All open positions as the exchange told them, in any order."""

    positions: tuple[Position, ...]


class RecordMode(Internal):
    """The exchange has the position mode that somebody chose."""

    position_mode: PositionMode


class RecordLeverage(Internal):
    """The exchange has the leverage that somebody chose."""

    trading_pair: str
    leverage: int


PositionCommand = RecordPositions | RecordMode | RecordLeverage


def decide(known: Sequence[Position], command: PositionCommand) -> Sequence[PositionEvent]:
    """The events of a command; none for positions that only have another value."""
    account, connector = command.account, command.connector
    match command:
        case RecordPositions():
            positions = tuple(sorted(command.positions, key=lambda each: (each.trading_pair, each.side)))
            if [_lasting(each) for each in positions] == [_lasting(each) for each in known]:
                return []
            return [PositionsReported(account=account, connector=connector, positions=positions)]
        case RecordMode():
            return [PositionModeSet(account=account, connector=connector, position_mode=command.position_mode)]
        case RecordLeverage():
            pair, leverage = command.trading_pair, command.leverage
            return [LeverageSet(account=account, connector=connector, trading_pair=pair, leverage=leverage)]
        case _:
            assert_never(command)


def _lasting(position: Position) -> tuple[object, ...]:
    """What does not move with the mark price."""
    return position.trading_pair, position.side, position.amount, position.entry_price, position.leverage
