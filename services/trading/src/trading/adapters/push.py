"""The push side of a session: what the exchange sends by itself, and whether it can send at all."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from engine_kit.asking import ENGINE_ERRORS

from trading.adapters.exchange import BalancesChanged, Disconnected, OrderTicket, Reconnected, Update
from trading.adapters.reading import Reading, fill, report

logger = logging.getLogger(__name__)

SUBSCRIBING = ("_subscribe_channels", "_subscribe_to_channels")
"""What the engine's user streams call to subscribe, after which they are up."""


class Push:
    """Taps one connector's user stream and order tracker, and passes what they tell to `emit`.

    The engine's own judgements are cut out: it would call an order failed after three unanswered questions.
    """

    def __init__(
        self, connector: Any, reading: Reading, tickets: Callable[[str], OrderTicket | None], emit: Callable[[Update], None]
    ) -> None:
        self._connector = connector
        self._reading = reading
        self._tickets = tickets
        self._emit = emit
        self._was_up = False
        self.up = False

    def install(self) -> None:
        """Attach to the connector, once, before its stream is started."""
        self._tap_stream()
        self._tap_tracker()
        self._watch_connection()

    def lost(self, reason: str) -> None:
        """The stream is down."""
        if self.up:
            self.up = False
            self._emit(Disconnected(reason))

    def listening(self) -> bool:
        """Whether the stream is up, or has at least received something (connectors that subscribe in their own way)."""
        return self.up or self._connector._user_stream_tracker.last_recv_time > 0

    def _found(self) -> None:
        if self.up:
            # Some connectors do not tell that they lost the stream: that they subscribe anew says so.
            self.lost("the user stream was subscribed anew")
        self.up = True
        if self._was_up:
            self._emit(Reconnected())
        self._was_up = True

    def _tap_stream(self) -> None:
        messages = self._connector._iter_user_event_queue

        async def tapped() -> AsyncIterator[Any]:
            async for message in messages():
                try:
                    await self._reading.on_event(message, self._emit)
                except ENGINE_ERRORS as error:
                    # Not passed on: the connector would not understand it either, and pause for five seconds.
                    logger.warning("user stream message of %s not understood: %r", self._connector.name, error)
                    continue
                yield message
                self._emit(BalancesChanged())  # after the connector has read the message

        self._connector._iter_user_event_queue = tapped

    def _tap_tracker(self) -> None:
        tracker = self._connector._order_tracker

        # The parameters keep the engine's names: its connectors pass some of them by name.
        def on_trade(trade_update: Any) -> None:
            order = tracker.all_fillable_orders.get(trade_update.client_order_id)
            ticket = self._tickets(trade_update.client_order_id)
            if order is not None:
                order.update_with_trade_update(trade_update)
            if ticket is not None and not self._reading.reads_stream:
                self._emit(fill(trade_update, ticket))

        def on_order(order_update: Any) -> None:
            order = tracker.fetch_order(order_update.client_order_id, order_update.exchange_order_id)
            if order is None:
                return
            order.update_with_order_update(order_update)
            if not self._reading.reads_stream:
                self._emit(report(order_update, order.client_order_id, f"{self._connector.name} user stream"))

        async def on_order_awaited(order_update: Any) -> None:
            on_order(order_update)

        async def on_not_found(client_order_id: str) -> None:
            """Nothing: only `order_report` may say that an order is not there."""

        tracker.process_trade_update = on_trade
        tracker.process_order_update = on_order
        tracker._process_order_update = on_order_awaited
        tracker.process_order_not_found = on_not_found

    def _watch_connection(self) -> None:
        source = self._connector._user_stream_tracker.data_source
        for name in SUBSCRIBING:
            if hasattr(source, name):
                setattr(source, name, self._then_found(getattr(source, name)))
        interrupted = source._on_user_stream_interruption

        async def was_interrupted(*args: Any, **kwargs: Any) -> None:
            self.lost("the user stream was interrupted")
            await interrupted(*args, **kwargs)

        source._on_user_stream_interruption = was_interrupted

    def _then_found(self, subscribe: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
        async def subscribed(*args: Any, **kwargs: Any) -> None:
            await subscribe(*args, **kwargs)
            self._found()

        return subscribed
