"""Rehearsals of a session's order commands: the same way as the real ones up to where they store, and no further."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from contracts.message import Command, Metadata, Reply
from contracts.trading import CancelRehearsed, OrderPlaced, OrderRehearsed, OrderUnknown, RehearseCancel, RehearseOrder
from eventlog.execute import load

from trading.domain.order import ORDER
from trading.domain.order_commands import RequestCancel
from trading.handlers.live import Live, order_stream
from trading.handlers.orders import Orders
from trading.handlers.risk import RiskGuard


class Rehearsal:
    """Judges, and throws the events away."""

    def __init__(self, live: Live, orders: Orders, risk: RiskGuard) -> None:
        self._live = live
        self._orders = orders
        self._risk = risk

    def served(self) -> dict[type[Command], Callable[[Any, Metadata], Awaitable[Reply]]]:
        """Its commands."""
        return {RehearseOrder: self.order, RehearseCancel: self.cancel}

    async def order(self, command: RehearseOrder, metadata: Metadata) -> OrderRehearsed:
        """What would be sent. Refused as the order itself would be."""
        self._orders.check_accepting(command.order)
        with self._live.order_coming():
            place = await self._orders.prepared(command.order, metadata)
            await self._risk.rehearse(place, metadata)
        placed = next(event for event in ORDER.decide(ORDER.initial, place) if isinstance(event, OrderPlaced))
        return OrderRehearsed(
            account_name=placed.account,
            connector_name=placed.connector,
            trading_pair=placed.trading_pair,
            trade_type=placed.side,
            order_type=placed.order_type,
            amount=placed.amount,
            price=placed.price,
            position_action=placed.position_action,
        )

    async def cancel(self, command: RehearseCancel, _metadata: Metadata) -> CancelRehearsed:
        """Which orders would be cancelled. Refused: OrderUnknown, OrderNotOpen."""
        self._orders.check_accepting(command)
        if command.order_id is None:
            rows = await self._live.stored_orders.open(command.trading_pair)
            return CancelRehearsed(order_ids=tuple(row.order_id for row in rows))
        if await self._live.stored_orders.by_order_id(command.order_id) is None:
            raise OrderUnknown(f"Order '{command.order_id}' not found in active orders")
        state, _ = await load(self._live.log, ORDER, order_stream(command.order_id))
        ORDER.decide(state, RequestCancel(order_id=command.order_id, account=command.account, connector=command.connector))
        return CancelRehearsed(order_ids=(command.order_id,))
