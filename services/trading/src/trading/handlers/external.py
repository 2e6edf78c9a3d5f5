"""Orders and executions on the exchange that this session did not cause."""

from __future__ import annotations

import logging

from contracts.message import Metadata
from contracts.trading import OrderIdReused, OrderType

from trading.domain.order_commands import RecordExternal
from trading.domain.order_id import derived_order_id, external_order_id
from trading.domain.order_state import Order
from trading.handlers.exchange import ExchangeOrder, Fill, OrderTicket
from trading.handlers.live import Live, Tracked
from trading.handlers.outcomes import Outcomes

logger = logging.getLogger(__name__)


class External:
    """Records what was placed elsewhere. `recorded` counts its orders."""

    def __init__(self, live: Live, outcomes: Outcomes) -> None:
        self._live = live
        self._outcomes = outcomes
        self.recorded = 0

    async def record(self, order: ExchangeOrder) -> Tracked:
        """Record an order with all that is known of it, and follow it. Raises Unavailable."""
        live = self._live
        names = (live.account, live.connector, order.client_order_id or order.exchange_order_id)
        order_id = external_order_id(live.account, live.connector, order.client_order_id, order.exchange_order_id)
        try:
            return await self._introduce(order, order_id)
        except OrderIdReused:
            return await self._introduce(order, derived_order_id(*names))

    async def _introduce(self, order: ExchangeOrder, order_id: str) -> Tracked:
        live = self._live
        client_order_id = order.client_order_id or order_id
        ticket = OrderTicket(
            order_id=client_order_id,
            trading_pair=order.trading_pair,
            side=order.side,
            order_type=order.order_type,
            amount=order.amount,
            price=order.price,
            placed_at=order.time,
            exchange_order_id=order.exchange_order_id,
        )
        tracked = Tracked(order_id, ticket, Order())
        command = RecordExternal(
            order_id=order_id,
            client_order_id=client_order_id,
            account=live.account,
            connector=live.connector,
            trading_pair=order.trading_pair,
            side=order.side,
            order_type=order.order_type,
            amount=order.amount,
            price=order.price,
            exchange_order_id=order.exchange_order_id,
            time=order.time,
        )
        if await live.record(tracked, command, Metadata(actor="exchange")):
            self.recorded += 1
        return live.tracked.get(client_order_id, tracked)

    async def orphan(self, fill: Fill) -> int:
        """An execution of an order that the exchange lists nowhere: kept in the trade history, without its order; how many."""
        live = self._live
        name = fill.order_id or f"exchange-{fill.exchange_order_id}"
        order_id = external_order_id(live.account, live.connector, name, name)
        logger.warning("execution %s belongs to no order that is listed", fill.trade_id)
        ticket = OrderTicket(
            order_id=name,
            trading_pair=fill.trading_pair,
            side=fill.side,
            order_type=_guessed_type(fill),
            amount=fill.amount,
            price=fill.price,
            placed_at=fill.time,
            exchange_order_id=fill.exchange_order_id,
        )
        return await self._outcomes.record_fills(Tracked(order_id, ticket, Order()), [fill])


def _guessed_type(fill: Fill) -> OrderType:
    """Executions do not tell their order's type; only a resting order makes."""
    return OrderType.LIMIT if fill.is_maker else OrderType.MARKET
