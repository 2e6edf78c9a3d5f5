"""Sending orders and cancels through an engine connector, each exactly once, and saying what the answer proves."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from contracts.trading import PositionAction, Side
from engine_kit import throttle

from trading.adapters.derivative import is_derivative
from trading.adapters.exchange import Accepted, OrderTicket, Outcome, Unproven
from trading.adapters.reading import moment
from trading.adapters.sending import sent

UNKNOWN_ID = "UNKNOWN"
"""What the engine's connectors return for an exchange order id they did not get."""


class OrderDesk:
    """The orders one connector follows, and the way to send them."""

    def __init__(self, connector: Any) -> None:
        self._connector = connector
        self._tickets: dict[str, OrderTicket] = {}

    def ticket(self, order_id: str) -> OrderTicket | None:
        """The ticket of an order that is followed."""
        return self._tickets.get(order_id)

    def adopt(self, order: OrderTicket) -> None:
        """Let the connector follow the order."""
        self._tickets[order.order_id] = order
        self.tracked(order)

    def forget(self, order_id: str) -> None:
        """The connector follows the order no longer."""
        self._tickets.pop(order_id, None)
        self._connector.stop_tracking_order(order_id)

    def tracked(self, order: OrderTicket) -> Any:
        """The connector's own record of the order, made when it has none; kept only for orders that are followed."""
        active = self._connector._order_tracker.active_orders
        found = active.get(order.order_id)
        if found is None:
            self._track(order)
            found = active[order.order_id]
            if order.order_id not in self._tickets:
                self._connector.stop_tracking_order(order.order_id)
        if found.exchange_order_id is None and order.exchange_order_id is not None:
            found.update_exchange_order_id(order.exchange_order_id)
        return found

    async def submit(self, order: OrderTicket, rest_only: bool, reference: Decimal | None) -> Outcome:
        """Place the order under its own id. `reference` stands in for the price of a market order where one is wanted."""
        self.adopt(order)
        with throttle.placing():
            return await sent(self._place(order, reference), rest_only)

    async def cancel(self, order: OrderTicket) -> Outcome:
        """Cancel the order. One that could not be sent is unproven too: the wish to cancel stays and may be repeated."""
        return await sent(self._cancel(order), rest_only=False)

    async def _place(self, order: OrderTicket, reference: Decimal | None) -> Outcome:
        from hummingbot.core.data_type.common import OrderType, TradeType

        price = order.price if order.price is not None else reference or Decimal("NaN")
        exchange_order_id, seconds = await self._connector._place_order(
            order_id=order.order_id,
            trading_pair=order.trading_pair,
            amount=order.amount,
            trade_type=TradeType[order.side.value],
            order_type=OrderType[order.order_type.value],
            price=price,
            **self._position(order),
        )
        if not exchange_order_id or str(exchange_order_id) == UNKNOWN_ID:
            return Unproven("the exchange was overloaded and told no order id")
        tracked = self.tracked(order)
        tracked.update_exchange_order_id(str(exchange_order_id))
        return Accepted(str(exchange_order_id), moment(seconds))

    async def _cancel(self, order: OrderTicket) -> Outcome:
        tracked = self.tracked(order)
        done = await self._connector._place_cancel(order.order_id, tracked)
        if done and self._connector.is_cancel_request_in_exchange_synchronous:
            return Accepted(tracked.exchange_order_id or order.exchange_order_id or "", datetime.now(UTC))
        return Unproven(
            "the exchange acknowledged the cancel and has not confirmed it" if done else "the cancel was not confirmed"
        )

    def _track(self, order: OrderTicket) -> None:
        from hummingbot.core.data_type.common import OrderType, TradeType

        connector = self._connector
        connector._set_current_timestamp(time.time())
        connector.start_tracking_order(
            order_id=order.order_id,
            exchange_order_id=order.exchange_order_id,
            trading_pair=order.trading_pair,
            trade_type=TradeType.BUY if order.side is Side.BUY else TradeType.SELL,
            price=order.price if order.price is not None else Decimal("NaN"),
            amount=order.amount,
            order_type=OrderType[order.order_type.value],
            **self._position(order),
        )

    def _position(self, order: OrderTicket) -> dict[str, Any]:
        """What only derivatives want to know of an order."""
        from hummingbot.core.data_type.common import PositionAction as EnginePositionAction

        if not is_derivative(self._connector):
            return {}
        opens = order.position_action is PositionAction.OPEN
        return {"position_action": EnginePositionAction.OPEN if opens else EnginePositionAction.CLOSE}
