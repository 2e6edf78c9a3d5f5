"""Closing the positions of one session."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from uuid import uuid5

from contracts.message import Metadata, plain_decimal
from contracts.rejections import Rejection, Unavailable
from contracts.trading import (
    ClosedPosition,
    ClosePositions,
    NotDone,
    OrderType,
    PlaceOrder,
    PositionAction,
    PositionsClosed,
    Side,
)

from trading.domain.portions import portions
from trading.handlers.live import Live
from trading.handlers.orders import Orders

END_SECONDS = 15.0
LOOK_SECONDS = 0.1


class PositionClosing:
    """Serves the command on the session's positions."""

    def __init__(self, live: Live, orders: Orders) -> None:
        self._live = live
        self._orders = orders

    async def close(self, command: ClosePositions, metadata: Metadata) -> PositionsClosed:
        """Close what the exchange says is open, and ask it again afterwards. Unavailable when it does not answer."""
        self._orders.check_accepting(command)
        holdings = await self._live.exchange.holdings()
        if not holdings.derivative:
            return PositionsClosed(closed=(), not_done=())
        wanted = {book: amount for book, amount in holdings.amounts.items() if amount and _wanted(command, book)}
        done = await asyncio.gather(*(self._close(book, amount, metadata) for book, amount in wanted.items()))
        left = (await self._live.exchange.holdings()).amounts if wanted else {}
        closed: list[ClosedPosition] = []
        not_done: list[NotDone] = []
        for (book, amount), (orders, refusal) in zip(wanted.items(), done, strict=True):
            rest = left.get(book, Decimal(0))
            if orders and not rest:
                closed += orders
                continue
            sent = ", ".join(order.order_id for order in orders)
            reason = refusal or f"order {sent} has not closed all of it"
            what = f"position of {plain_decimal(rest or amount)} on {book}"
            not_done.append(NotDone(connector_name=self._live.connector, what=what, reason=reason))
        return PositionsClosed(closed=tuple(closed), not_done=tuple(not_done))

    async def _close(self, book: str, amount: Decimal, metadata: Metadata) -> tuple[list[ClosedPosition], str]:
        """Send the order, or several where one would be above the exchange's maximum, and wait for their ends.

        Which were sent, and why no further one was.
        """
        rule = self._live.exchange.trading_rules.get(_pair(book))
        most, step = (None, Decimal(0)) if rule is None else (rule.max_order_size, rule.min_base_amount_increment)
        sent: list[ClosedPosition] = []
        refusal = ""
        for number, part in enumerate(portions(abs(amount), most, step)):
            name = f"{book}/{number}" if number else book
            try:
                sent.append(
                    await self._send(book, part if amount > 0 else -part, metadata.caused(uuid5(metadata.message_id, name)))
                )
            except (Rejection, Unavailable) as refused:
                refusal = refused.detail
                break
        await asyncio.gather(*(self._until_ended(order.order_id) for order in sent))
        return sent, refusal

    async def _send(self, book: str, amount: Decimal, metadata: Metadata) -> ClosedPosition:
        """Send one order. Raises Rejection, Unavailable."""
        order = PlaceOrder(
            account=self._live.account,
            connector=self._live.connector,
            trading_pair=_pair(book),
            side=Side.SELL if amount > 0 else Side.BUY,
            order_type=OrderType.MARKET,
            amount=abs(amount),
            position_action=PositionAction.CLOSE,
        )
        placed = await self._orders.place(order, metadata)
        return ClosedPosition(
            connector_name=order.connector,
            trading_pair=order.trading_pair,
            side=order.side,
            amount=order.amount,
            order_id=placed.order_id,
        )

    async def _until_ended(self, order_id: str) -> None:
        deadline = asyncio.get_running_loop().time() + END_SECONDS
        while asyncio.get_running_loop().time() < deadline:
            if order_id not in self._live.tracked:
                return
            await asyncio.sleep(LOOK_SECONDS)


def _pair(book: str) -> str:
    return book.split(":", 1)[0]


def _wanted(command: ClosePositions, book: str) -> bool:
    return command.trading_pair is None or command.trading_pair == _pair(book)
