"""An executor's orders on their way out, and what comes back of them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

from contracts.message import Metadata
from contracts.rejections import Rejection
from contracts.trading import (
    CancelOrder,
    ExecutorCreated,
    OrderStatus,
    OrderType,
    PlaceOrder,
    PositionAction,
    Side,
)
from eventlog.log import EventLog
from pydantic import JsonValue
from service_kit.supervisor import Crash, guarded

from trading.adapters.executor_orders import Placed, Wanted
from trading.domain.executor_orders import Picture, Role, Seen, picture
from trading.handlers.executor_posts import Post
from trading.handlers.live import order_stream

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Followed:
    """An order whose end the executor was not told. `refused`: it never left. `key` makes its id; None after a resume.

    `withdrawn` is set when it is to be cancelled: what did not leave yet stays here. `complete`: all its executions are known,
    though it left the book before it was filled; `asking` finds that out.
    """

    wanted: Wanted
    key: UUID | None
    seen: Seen = field(default_factory=Seen)
    refused: bool = False
    withdrawn: asyncio.Event = field(default_factory=asyncio.Event)
    sending: asyncio.Task[None] | None = None
    asking: asyncio.Task[None] | None = None
    complete: bool = False


class OrderBook:
    """The orders of one executor: those asked for and not sent yet, those followed, and the newest picture of each."""

    def __init__(
        self,
        log: EventLog,
        posts: Mapping[str, Post],
        created: ExecutorCreated,
        placed: int,
        converted: Callable[[Picture], Awaitable[Picture]],
    ) -> None:
        """`placed`: how many orders it asked for before; `converted` puts an order's fees in quote."""
        self.followed: dict[str, Followed] = {}
        self.failed: dict[str, Seen] = {}
        self.pictures: dict[str, Picture] = {}
        self.changed: set[str] = set()
        self.news = asyncio.Event()
        self.asked = asyncio.Event()
        self._log = log
        self._posts = posts
        self.created = created
        self._number = placed
        self._converted = converted
        self._outbox: list[tuple[str, bool]] = []
        self._effects: set[asyncio.Task[None]] = set()
        self._crash: Crash | None = None
        self._gone = asyncio.Event()

    @property
    def seen(self) -> dict[str, JsonValue]:
        """What was told of each order that has not ended or may come back, for the event."""
        told = self.failed | {order_id: each.seen for order_id, each in self.followed.items()}
        return {order_id: each.encoded() for order_id, each in told.items()}

    def place(self, wanted: Wanted, role: Role = Role.ASKED) -> str:
        """Ask for an order; its client order id. It is sent by `send`."""
        key = uuid5(NAMESPACE_URL, f"{self.created.executor_id}/{self._number}")
        self._number += 1
        order_id = self._posts[wanted.connector].live.exchange.client_order_id(key)
        self.follow(order_id, Followed(wanted, key, Seen(role=role)))
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
            followed = self.followed.get(order_id)
            if followed is None:
                continue
            if place:
                followed.sending = self._spawn(self._place(order_id, followed))
            else:
                followed.withdrawn.set()
                self._spawn(self._cancel(order_id, followed))

    def follow(self, order_id: str, followed: Followed) -> None:
        """Hear of an order from now on."""
        self.followed[order_id] = followed
        self._listen(order_id)

    def doubt(self, order_id: str, seen: Seen) -> None:
        """The executor was told that the order failed: go on listening, for it may exist all the same."""
        self.followed.pop(order_id, None)
        self.failed[order_id] = replace(seen, role=Role.FAILED)
        self._listen(order_id)

    def rise(self, order_id: str, found: Picture) -> None:
        """An order that was told to have failed, or that nobody followed any more, exists: follow it to its end."""
        logger.warning("order %s of executor %s exists after all; taking it off", order_id, self.created.executor_id)
        seen = self.failed.pop(order_id, Seen())
        self.follow(order_id, Followed(wanted_of(found), None, replace(seen, role=Role.RISEN)))

    def leave(self, order_id: str) -> None:
        """The executor was told the order's end."""
        self.followed.pop(order_id, None)
        self.failed.pop(order_id, None)
        for post in self._posts.values():
            post.live.heard.pop(order_id, None)

    def ended(self, order_id: str, found: Picture | None) -> bool:
        """Whether nothing more will come of a followed order. Asks for the executions of one that left the book unfilled.

        An exchange may acknowledge a cancel before the executions that came before it.
        """
        followed = self.followed[order_id]
        if found is None:
            return followed.refused
        if found.state.closed is OrderStatus.CANCELLED and not followed.complete:
            if followed.asking is None:
                followed.asking = self._spawn(self._complete(order_id, followed))
            return False
        return found.state.closed is not None

    def check(self) -> None:
        """Raise what went wrong in the background, if anything did."""
        if self._crash is not None:
            raise self._crash.error

    async def look(self, order_id: str) -> Picture | None:
        """The order as its events show it now; None when its intent is not stored. Raises Unavailable."""
        recorded = await self._log.read(order_stream(order_id))
        found = picture((one.event, one.recorded_at) for one in recorded)
        if found is not None:
            found = self.pictures[order_id] = await self._converted(found)
        return found

    async def close(self) -> None:
        """Hear no more; returns when what was under way is done."""
        self._gone.set()
        for each in self.followed.values():
            each.withdrawn.set()
        for order_id in [*self.followed, *self.failed]:
            self.leave(order_id)
        if self._effects:
            await asyncio.wait(self._effects)

    async def _place(self, order_id: str, followed: Followed) -> None:
        wanted, key = followed.wanted, followed.key
        if key is None or wanted.amount <= 0:
            self._refuse(order_id, followed, "the amount is 0")
            return
        metadata = Metadata(message_id=key, actor=self._actor)
        try:
            command = self._command(wanted)
            served = await self._posts[wanted.connector].served(lambda desk: desk.place(command, metadata), followed.withdrawn)
        except (Rejection, ValueError) as refused:
            self._refuse(order_id, followed, refused.detail if isinstance(refused, Rejection) else str(refused))
            return
        if served:
            self._hear(order_id)
        elif followed.withdrawn.is_set():
            self._refuse(order_id, followed, "it was cancelled before it left")

    def _command(self, wanted: Wanted) -> PlaceOrder:
        return PlaceOrder(
            account=self.created.account,
            connector=wanted.connector,
            trading_pair=wanted.trading_pair,
            side=Side(wanted.side),
            order_type=OrderType(wanted.order_type),
            amount=wanted.amount,
            price=wanted.price,
            position_action=PositionAction(wanted.position_action),
            executor_id=self.created.executor_id,
            controller_id=self.created.controller_id,
        )

    async def _cancel(self, order_id: str, followed: Followed) -> None:
        if followed.sending is not None:
            # One that is being stored right now goes out, and is cancelled then.
            await asyncio.wait([followed.sending])
        if followed.refused:
            return
        connector = followed.wanted.connector
        command = CancelOrder(account=self.created.account, connector=connector, order_id=order_id)
        # A refusal says that there is nothing to cancel; the order's own events say why.
        with contextlib.suppress(Rejection):
            await self._posts[connector].served(lambda desk: desk.cancel(command, Metadata(actor=self._actor)), self._gone)

    async def _complete(self, order_id: str, followed: Followed) -> None:
        with contextlib.suppress(Rejection):
            post = self._posts[followed.wanted.connector]
            if not await post.served(lambda desk: desk.read_executions(order_id), self._gone):
                return
        followed.complete = True
        self._hear(order_id)

    def _refuse(self, order_id: str, followed: Followed, reason: str) -> None:
        logger.warning("order %s of executor %s refused: %s", order_id, self.created.executor_id, reason)
        followed.refused = True
        self._hear(order_id)

    def _listen(self, order_id: str) -> None:
        for post in self._posts.values():
            post.live.heard[order_id] = lambda: self._hear(order_id)

    def _hear(self, order_id: str) -> None:
        self.changed.add(order_id)
        self.news.set()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(self._watched(work))
        self._effects.add(task)
        task.add_done_callback(self._effects.discard)
        return task

    async def _watched(self, work: Coroutine[Any, Any, None]) -> None:
        result = await guarded(work)
        if isinstance(result, Crash):
            self._crash = result
            self.news.set()

    @property
    def _actor(self) -> str:
        return f"executor:{self.created.executor_id}"


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
