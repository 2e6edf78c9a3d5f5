"""What only derivatives connectors need: the position mode of the account, which is the user's to choose."""

from __future__ import annotations

from typing import Any

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
