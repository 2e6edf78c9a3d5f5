"""Copies of answers, kept by who asks: served without asking again while their owner tells that nothing changed.

A copy is dropped when its owner tells of a change, when an owner was not heard of for SILENCE seconds, when another owner
appears or one says goodbye, when the connection was made anew, when the time is over for which the owner gave the answer, and
when a command of the context went out from here. An answer whose question was under way at any such moment is not kept.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from contracts import naming
from contracts.message import Query
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from service_kit.bus import Bus, Response
from service_kit.changes import GONE, HEARTBEAT, LONGEST

SILENCE = 3 * HEARTBEAT
"""Seconds without a word after which an owner may have changed anything."""

LARGEST = 256 * 1024
"""Bytes; an answer that is larger with its question is not kept."""

ROOM = 32 * 1024 * 1024
"""Bytes of all copies of a context with their questions; the one that was used longest ago goes first."""

BESIDE = 1024
"""Bytes that a copy takes beside question and answer, generously."""


@dataclass
class _Context:
    """What is kept of one context, and who owns it: the generation of each owner and when it was heard of."""

    owners: dict[str, tuple[int, float]] = field(default_factory=dict)
    copies: OrderedDict[str, tuple[Response, float]] = field(default_factory=OrderedDict)
    flights: dict[str, asyncio.Task[Response]] = field(default_factory=dict)
    keepable: set[type[Query]] = field(default_factory=set)
    size: int = 0
    drops: int = 0
    on_drop: list[Callable[[], None]] = field(default_factory=list)

    def drop(self) -> None:
        self.copies.clear()
        # Whoever asks from now on does not wait for an answer to an older question.
        self.flights.clear()
        self.size = 0
        self.drops += 1
        for callback in self.on_drop:
            callback()

    def forget(self, key: str) -> None:
        known = self.copies.pop(key, None)
        if known is not None:
            self.size -= _weight(key, known[0])

    def keep(self, key: str, answer: Response, until: float) -> None:
        """A question may be long and its answer short: both count."""
        weight = _weight(key, answer)
        if weight > LARGEST:
            return
        self.forget(key)
        self.copies[key] = answer, until
        self.size += weight
        while self.size > ROOM:
            self.forget(next(iter(self.copies)))


def _weight(key: str, answer: Response) -> int:
    return len(key.encode()) + len(answer.body) + BESIDE


class Copies:
    """The copies of one process; their total size is bounded."""

    def __init__(self, bus: Bus, contexts: Sequence[str], clock: Callable[[], float] = time.monotonic) -> None:
        """No I/O. `contexts` are those whose owners are listened to."""
        self._bus = bus
        self._clock = clock
        self._contexts = {context: _Context() for context in contexts}
        self._subscriptions: list[Subscription] = []
        bus.on_reconnect(self._reconnected)

    async def start(self) -> None:
        """Listen to the owners; until they are heard of nothing is kept."""
        for context in self._contexts:
            self._subscriptions.append(
                await self._bus.client.subscribe(naming.changes_subject(context), cb=self._listener(context))
            )

    async def stop(self) -> None:
        """Keep nothing any more."""
        for subscription in self._subscriptions:
            await self._bus.drain(subscription)
        self._subscriptions.clear()
        self._reconnected()

    def on_drop(self, context: str, callback: Callable[[], None]) -> None:
        """Call back whenever copies of the context could be wrong from now on; never for one that is not listened to."""
        if context in self._contexts:
            self._contexts[context].on_drop.append(callback)

    async def answer(self, query: Query, ask: Callable[[], Awaitable[Response]]) -> Response:
        """The copy of the answer, or what `ask` gives; callers with the same question wait for one answer."""
        context = self._contexts.get(query.context)
        if context is None or type(query) not in context.keepable:
            return await (ask() if context is None else self._ask(context, query, "", ask))
        key = f"{type(query).__name__} {query.model_dump_json()}"
        copy = context.copies.get(key)
        if copy is not None and copy[1] > self._clock() and self._followed(context):
            context.copies.move_to_end(key)
            return copy[0]
        flight = context.flights.get(key)
        if flight is None:
            flight = asyncio.create_task(self._ask(context, query, key, ask))
            context.flights[key] = flight
            flight.add_done_callback(lambda done: self._landed(context, key, done))
        return await asyncio.shield(flight)

    def drop(self, context: str) -> None:
        """Forget the copies of a context: a command to it was answered, or may have been carried out."""
        if context in self._contexts:
            self._contexts[context].drop()

    async def _ask(self, context: _Context, query: Query, key: str, ask: Callable[[], Awaitable[Response]]) -> Response:
        drops, asked = context.drops, self._clock()
        answer = await ask()
        if answer.keep is None:
            return answer
        context.keepable.add(type(query))
        owner, _, seconds = answer.keep.partition(" ")
        unchanged = context.drops == drops and owner in context.owners and self._followed(context)
        # From when it was asked for: the owner counts from some time after that.
        until = asked + min(float(seconds), LONGEST)
        if key and unchanged and until > self._clock():
            context.keep(key, answer, until)
        return answer

    @staticmethod
    def _landed(context: _Context, key: str, done: asyncio.Task[Response]) -> None:
        if context.flights.get(key) is done:
            del context.flights[key]
        if not done.cancelled():
            done.exception()  # Seen: everyone who waited for it may be gone.

    def _followed(self, context: _Context) -> bool:
        """Whether every owner is heard of; the copies are dropped when one is not."""
        since = self._clock() - SILENCE
        silent = [owner for owner, (_, heard) in context.owners.items() if heard < since]
        for owner in silent:
            del context.owners[owner]
        if silent:
            context.drop()
        return bool(context.owners) and self._bus.connected and not silent

    def _reconnected(self) -> None:
        for context in self._contexts.values():
            context.owners.clear()
            context.drop()

    def _listener(self, name: str) -> Callable[[Msg], Awaitable[None]]:
        context = self._contexts[name]

        async def told(message: Msg) -> None:
            owner, _, text = message.data.decode().partition(" ")
            generation = int(text)
            known = context.owners.pop(owner, None)
            if generation != GONE:
                context.owners[owner] = generation, self._clock()
            if known is None or known[0] != generation:
                context.drop()

        return told
