"""Rehearsals (`dry_run=true`): a command is judged as if it were meant, and nothing is stored or sent.

They are commands of their own, not a flag: a replica that does not know them cannot take one for the real thing.
"""

from __future__ import annotations

from typing import ClassVar

from contracts.message import Amount, Command, Reply, Token
from contracts.trading.order import OrderType, PlaceOrder, PositionAction, Side


class _Order:
    context: ClassVar[str] = "trading"
    noun: ClassVar[str] = "order"


class RehearseOrder(_Order, Command):
    """Would this order be taken? Session subject. Refused, and Unavailable, as PlaceOrder is."""

    order: PlaceOrder


class OrderRehearsed(Reply):
    """The order would be sent to the exchange with this amount and price."""

    dry_run: bool = True
    account_name: str
    connector_name: str
    trading_pair: str
    trade_type: Side
    order_type: OrderType
    amount: Amount
    price: Amount | None
    position_action: PositionAction


class RehearseCancel(_Order, Command):
    """Which orders would be cancelled: this one, or all open ones (of a pair)? Session subject.

    Refused: OrderUnknown, OrderNotOpen for the one.
    """

    account: Token
    connector: Token
    order_id: str | None = None
    trading_pair: str | None = None


class CancelRehearsed(Reply):
    """The ids whose cancellation would be started."""

    dry_run: bool = True
    order_ids: tuple[str, ...]
