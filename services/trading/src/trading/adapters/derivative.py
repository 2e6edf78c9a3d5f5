"""What only derivatives connectors have: positions, their leverage, and the position mode, which is the user's to choose."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from contracts.trading import Position, PositionMode, PositionSide
from contracts.trading.reconciliation import DifferenceReason
from engine_kit.asking import asked

from trading.adapters.exchange import Accepted, FundingPayment, Holdings, Outcome, Refused
from trading.adapters.sending import sent


def is_derivative(connector: Any) -> bool:
    """Whether the connector trades positions."""
    from hummingbot.connector.perpetual_derivative_py_base import PerpetualDerivativePyBase

    return isinstance(connector, PerpetualDerivativePyBase)


async def follow_position_mode(connector: Any) -> None:
    """Let a derivatives connector write its orders in the mode the account is in. It never changes the account's mode.

    Other connectors, and exchanges that do not tell it, are left as they are. Raises Unavailable.
    """
    if is_derivative(connector):
        mode = await asked(connector._fetch_account_position_mode())
        if mode is not None:
            connector._perpetual_trading.set_position_mode(mode)


async def read_holdings(connector: Any) -> Holdings:
    """What the account holds: positions, asked from the exchange, or else the balances as known. Raises Unavailable."""
    if not is_derivative(connector):
        return Holdings(dict(connector.get_all_balances()))
    from hummingbot.core.data_type.common import PositionMode, PositionSide

    await asked(connector._update_positions())
    hedged = connector.position_mode is PositionMode.HEDGE
    amounts: dict[str, Decimal] = {}
    for position in connector.account_positions.values():
        side = position.position_side
        book = f"{position.trading_pair}:{side.name}" if hedged else position.trading_pair
        amounts[book] = -abs(position.amount) if side is PositionSide.SHORT else position.amount
    return Holdings(amounts, derivative=True, hedged=hedged)


def position_of(
    trading_pair: str,
    side: str,
    amount: Decimal,
    *,
    entry: Decimal,
    profit: Decimal,
    leverage: Decimal,
    margin: Decimal | None,
    changed_at: datetime | None = None,
) -> Position:
    """A position that an exchange tells; `side` is LONG, SHORT, or another text where the amount's sign says which."""
    short = side == PositionSide.SHORT or (side != PositionSide.LONG and amount < 0)
    return Position(
        trading_pair=trading_pair,
        side=PositionSide.SHORT if short else PositionSide.LONG,
        amount=-abs(amount) if short else abs(amount),
        entry_price=entry,
        unrealized_pnl=profit,
        leverage=leverage,
        margin=margin,
        changed_at=changed_at,
    )


class Derivative:
    """A Derivative (see its Protocol) by what the engine's connector can do."""

    rest_only = False

    def __init__(self, connector: Any) -> None:
        self._connector = connector

    @property
    def modes(self) -> Sequence[PositionMode]:
        """The position modes the connector knows."""
        return tuple(PositionMode(mode.name) for mode in self._connector.supported_position_modes())

    @property
    def mode(self) -> PositionMode | None:
        """The mode orders are written in."""
        mode = self._connector.position_mode
        return None if mode is None else PositionMode(mode.name)

    async def positions(self) -> list[Position]:
        """All open positions. Raises Unavailable."""
        await asked(self._connector._update_positions())
        return [
            position_of(
                held.trading_pair,
                held.position_side.name,
                Decimal(held.amount),
                entry=Decimal(held.entry_price),
                profit=Decimal(held.unrealized_pnl),
                leverage=Decimal(held.leverage),
                margin=None,
            )
            for held in self._connector.account_positions.values()
            if held.amount
        ]

    def cause_of(self, client_order_id: str) -> DifferenceReason:
        """Whose order it was that was not placed here: all that is known is that it was traded elsewhere."""
        return DifferenceReason.EXTERNAL_TRADE

    async def funding_since(self, since: datetime) -> list[FundingPayment] | None:
        """None: the engine's connectors tell the last payment only, without its id."""
        return None

    async def set_mode(self, mode: PositionMode) -> Outcome:
        """Change the account's mode, and write orders in it from then on."""
        done = await sent(self._set_mode(mode), self.rest_only)
        if isinstance(done, Accepted):
            from hummingbot.core.data_type.common import PositionMode as EngineMode

            self._connector._perpetual_trading.set_position_mode(EngineMode[mode.value])
        return done

    async def set_leverage(self, trading_pair: str, leverage: int) -> Outcome:
        """Change the leverage of a pair."""
        return await sent(self._set_leverage(trading_pair, leverage), self.rest_only)

    async def _set_mode(self, mode: PositionMode) -> Outcome:
        from hummingbot.core.data_type.common import PositionMode as EngineMode

        # Connectors remember the mode they last heard of, and change nothing when it seems to be the one that is wanted.
        await follow_position_mode(self._connector)
        symbols = await self._connector.trading_pair_symbol_map()
        done, reason = await self._connector._trading_pair_position_mode_set(
            EngineMode[mode.value], next(iter(symbols.values()))
        )
        return _answered(done, reason)

    async def _set_leverage(self, trading_pair: str, leverage: int) -> Outcome:
        done, reason = await self._connector._set_trading_pair_leverage(trading_pair, leverage)
        return _answered(done, reason)


def _answered(done: bool, reason: str) -> Outcome:
    return Accepted("", datetime.now(UTC)) if done else Refused(str(reason), str(reason))
