"""An executor's orders on their way out, and what comes back of them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Protocol
from uuid import NAMESPACE_URL, UUID, uuid5

from contracts.message import Metadata
from contracts.rejections import Rejection, Unavailable
from contracts.trading import (
    CancelOrder,
    CancelRequested,
    ExecutorCreated,
    OrderAccepted,
    OrderType,
    PlaceOrder,
    PositionAction,
    Side,
)
from eventlog.log import EventLog

from trading.adapters.executor_orders import Placed, Wanted
from trading.domain.executor_orders import Picture, Seen, picture
from trading.handlers.live import Live, order_stream

logger = logging.getLogger(__name__)

AGAIN_SECONDS = 1.0


class Desk(Protocol):
    """Where a session takes orders."""

    async def place(self, command: PlaceOrder, metadata: Metadata) -> OrderAccepted:
        """Store the intent and send it."""
        ...

    async def cancel(self, command: CancelOrder, metadata: Metadata) -> CancelRequested:
        """Store the wish and send it."""
        ...


@dataclass(frozen=True, slots=True)
class Post:
    """Where an executor's orders go: the session, and its desk."""

    live: Live
    desk: Desk


@dataclass(slots=True)
class Followed:
    """An order whose end the executor was not told. `refused`: it never left. `key` makes its id; None after a resume."""

    wanted: Wanted
    key: UUID | None
    seen: Seen = field(default_factory=Seen)
    refused: bool = False


class OrderBook:
    """The orders of one executor: those asked for and not sent yet, those followed, and the newest picture of each."""

    def __init__(self, log: EventLog, posts: Mapping[str, Post], created: ExecutorCreated, placed: int) -> None:
        """`placed`: how many orders it asked for before."""
        self.followed: dict[str, Followed] = {}
        self.pictures: dict[str, Picture] = {}
        self.changed: set[str] = set()
        self.news = asyncio.Event()
        self.asked = asyncio.Event()
        self._log = log
        self._posts = posts
        self._created = created
        self._number = placed
        self._outbox: list[tuple[str, bool]] = []
        self._effects: set[asyncio.Task[None]] = set()

    def place(self, wanted: Wanted) -> str:
        """Ask for an order; its client order id. It is sent by `send`."""
        key = uuid5(NAMESPACE_URL, f"{self._created.executor_id}/{self._number}")
        self._number += 1
        order_id = self._posts[wanted.connector].live.exchange.client_order_id(key)
        self.follow(order_id, Followed(wanted, key))
        self._outbox.append((order_id, True))
        self.asked.set()
        return order_id

    def cancel(self, order_id: str) -> None:
        """Ask for a cancel; nothing happens for an order that ended."""
        if order_id in self.followed and (order_id, False) not in self._outbox:
            self._outbox.append((order_id, False))
            self.asked.set()

    def take(self) -> list[tuple[str, bool]]:
        """What was asked for since the last call: order id, and whether to place or to cancel it."""
        taken, self._outbox = self._outbox, []
        return taken

    def send(self, asked: list[tuple[str, bool]]) -> None:
        """Send what was taken, in the background."""
        for order_id, place in asked:
            self._spawn(self._place(order_id) if place else self._cancel(order_id))

    def follow(self, order_id: str, followed: Followed) -> None:
        """Hear of an order from now on."""
        self.followed[order_id] = followed
        for post in self._posts.values():
            post.live.heard[order_id] = lambda: self._hear(order_id)

    def leave(self, order_id: str) -> None:
        """The executor was told the order's end."""
        self.followed.pop(order_id, None)
        for post in self._posts.values():
            post.live.heard.pop(order_id, None)

    async def look(self, order_id: str) -> Picture | None:
        """The order as its events show it now; None when its intent is not stored. Raises Unavailable."""
        recorded = await self._log.read(order_stream(order_id))
        found = picture((one.event, one.recorded_at) for one in recorded)
        if found is not None:
            self.pictures[order_id] = found
        return found

    async def close(self) -> None:
        """Hear no more; returns when what was under way is done."""
        for order_id in list(self.followed):
            self.leave(order_id)
        if self._effects:
            await asyncio.wait(self._effects)

    async def _place(self, order_id: str) -> None:
        followed = self.followed[order_id]
        wanted, key = followed.wanted, followed.key
        if key is None or wanted.amount <= 0:
            self._refuse(order_id, "the amount is 0")
            return
        command = PlaceOrder(
            account=self._created.account,
            connector=wanted.connector,
            trading_pair=wanted.trading_pair,
            side=Side(wanted.side),
            order_type=OrderType(wanted.order_type),
            amount=wanted.amount,
            price=wanted.price,
            position_action=PositionAction(wanted.position_action),
            executor_id=self._created.executor_id,
            controller_id=self._created.controller_id,
        )
        metadata = Metadata(message_id=key, actor=self._actor)
        try:
            await self._until_served(wanted.connector, lambda desk: desk.place(command, metadata))
        except Rejection as refused:
            self._refuse(order_id, refused.detail)
        else:
            self._hear(order_id)

    async def _cancel(self, order_id: str) -> None:
        followed = self.followed.get(order_id)
        if followed is None:
            return
        connector = followed.wanted.connector
        command = CancelOrder(account=self._created.account, connector=connector, order_id=order_id)
        # A refusal says that there is nothing to cancel; the order's own events say why.
        with contextlib.suppress(Rejection):
            await self._until_served(connector, lambda desk: desk.cancel(command, Metadata(actor=self._actor)))

    async def _until_served(self, connector: str, ask: Callable[[Desk], Awaitable[Any]]) -> None:
        post = self._posts[connector]
        while post.live.held():
            try:
                await ask(post.desk)
            except Unavailable as error:
                logger.info("executor %s waits for %s: %s", self._created.executor_id, connector, error.detail)
                await asyncio.sleep(AGAIN_SECONDS)
            else:
                return

    def _refuse(self, order_id: str, reason: str) -> None:
        logger.warning("order %s of executor %s refused: %s", order_id, self._created.executor_id, reason)
        self.followed[order_id].refused = True
        self._hear(order_id)

    def _hear(self, order_id: str) -> None:
        self.changed.add(order_id)
        self.news.set()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._effects.add(task)
        task.add_done_callback(self._effects.discard)

    @property
    def _actor(self) -> str:
        return f"executor:{self._created.executor_id}"


def unsent(created: ExecutorCreated) -> Wanted:
    """Stands for an order that never left and of which only the id is known."""
    market = created.markets[0]
    return Wanted(market.connector, market.trading_pair, "BUY", "LIMIT", Decimal(0), None, "OPEN")


def wanted_of(found: Picture) -> Wanted:
    """The request behind a stored order."""
    placed = found.placed
    return Wanted(
        placed.connector,
        placed.trading_pair,
        placed.side.value,
        placed.order_type.value,
        placed.amount,
        placed.price,
        placed.position_action.value,
    )


def shown(found: Picture) -> Placed:
    """The order in the form the engine's side takes."""
    return Placed(
        order_id=found.placed.order_id,
        wanted=wanted_of(found),
        placed_at=found.placed_at,
        exchange_order_id=found.state.exchange_order_id,
        status=found.state.status,
        filled_amount=found.state.filled_amount,
        filled_quote=found.state.filled_quote,
        average_price=found.state.average_price,
        fills=found.fills,
    )
