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
        for (book, amount), outcome in zip(wanted.items(), done, strict=True):
            rest = left.get(book, Decimal(0))
            if isinstance(outcome, ClosedPosition) and not rest:
                closed.append(outcome)
                continue
            reason = outcome if isinstance(outcome, str) else f"order {outcome.order_id} has not closed all of it"
            what = f"position of {plain_decimal(rest or amount)} on {book}"
            not_done.append(NotDone(connector_name=self._live.connector, what=what, reason=reason))
        return PositionsClosed(closed=tuple(closed), not_done=tuple(not_done))

    async def _close(self, book: str, amount: Decimal, metadata: Metadata) -> ClosedPosition | str:
        """Send the order and wait for its end; why it was not sent otherwise."""
        order = PlaceOrder(
            account=self._live.account,
            connector=self._live.connector,
            trading_pair=_pair(book),
            side=Side.SELL if amount > 0 else Side.BUY,
            order_type=OrderType.MARKET,
            amount=abs(amount),
            position_action=PositionAction.CLOSE,
        )
        try:
            placed = await self._orders.place(order, metadata.caused(uuid5(metadata.message_id, book)))
        except (Rejection, Unavailable) as refused:
            return refused.detail
        await self._until_ended(placed.order_id)
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
