"""What derivatives connectors have beyond others: positions, and a mode of the account, which is the user's to choose."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from trading.adapters.exchange import Holdings
from trading.adapters.reading import asked


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
