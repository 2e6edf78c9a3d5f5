"""/ws/market-data: candles, order books and trades, as they change (contract 9.2)."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Protocol

from contracts.market_data import MOST_CANDLES, SECONDS
from contracts.market_feeds import Level

from gateway_api.domain.feed import Feed
from gateway_api.domain.live import Book, Candles, State, Trades
from gateway_api.domain.watched import Trouble
from gateway_api.rest.streams import FrameRefused, Push, Source, Subscription, Watch, text, troubled, update_interval

DEFAULT_INTERVAL, SHORTEST, LONGEST = 1.0, 0.25, 60.0
"""Seconds."""

DEEPEST = 1000
"""Levels of each side of a book."""


class LiveFeeds(Protocol):
    """Copies of live feeds; `news` is called when there is something to take."""

    def watch(self, feed: Feed, rows: int, interval: float, news: Callable[[], None]) -> Watch[State]:
        """Watches a feed of which so many rows are wanted."""
        ...


class MarketStream:
    """The subscriptions of /ws/market-data."""

    path = "/ws/market-data"
    id_length = 8
    not_subscribed = "Subscription not found: {}"

    def __init__(self, feeds: LiveFeeds) -> None:
        self._feeds = feeds

    def subscription(self, frame: dict[str, Any], user: str) -> Subscription:
        """The subscription that a frame asks for; raises FrameRefused."""
        kind = frame.get("type")
        if kind not in ("candles", "order_book", "trades"):
            msg = f"Invalid subscription type: {str(kind)[:100]}. Valid types: candles, order_book, trades"
            raise FrameRefused(msg)
        connector, pair = _market(frame)
        interval = update_interval(frame, default=DEFAULT_INTERVAL, shortest=SHORTEST, longest=LONGEST)
        match kind:
            case "candles":
                length = _candle_interval(frame)
                feed, rows = Feed("candles", connector, pair, length), _whole(frame, "max_records", 100, MOST_CANDLES)
                id_ = f"candles_{connector}_{pair}_{length}"
            case "order_book":
                feed, rows = Feed("book", connector, pair), _whole(frame, "depth", 10, DEEPEST)
                id_ = f"order_book_{connector}_{pair}"
            case _:
                feed, rows = Feed("trades", connector, pair), 1
                id_ = f"trades_{connector}_{pair}"

        def opened(news: Callable[[], None]) -> Source:
            return _Live(id_, rows, self._feeds.watch(feed, rows, interval, news))

        return Subscription(id_, kind, opened)


class _Live:
    """The frames of one subscription. Those that are the same for many subscribers are made once."""

    def __init__(self, id_: str, rows: int, watch: Watch[State]) -> None:
        self._id = id_
        self._rows = rows
        self._watch = watch
        self._started = False
        self._window: int | None = None
        self._sent = _told_before(watch.state)

    def take(self) -> Push | None:
        taken = self._watch.take()
        if taken is None:
            return None
        state, skipped = taken
        match state:
            case Trouble():
                return Push(troubled(self._id, self._explained(state)), skipped)
            case Book():
                kind, members = "order_book", self._book
            case Candles():
                whole = self._window != state.window
                kind, members = ("candles", self._candles) if whole else ("candle_update", _newest)
                self._window = state.window
            case Trades():
                return self._trades(state)
            case _:
                return None
        self._started = True
        if skipped:
            return Push(self._frame(kind, members(state), state.at, skipped), skipped)
        return Push(state.once((kind, self._rows), lambda: self._frame(kind, members(state), state.at)))

    def close(self) -> None:
        self._watch.close()

    def _explained(self, trouble: Trouble) -> Trouble:
        return trouble if self._started else Trouble(f"Failed to start feed: {trouble.reason}")

    def _book(self, state: Any) -> str:
        return f'{{"bids": [{_levels(state.bids[: self._rows])}], "asks": [{_levels(state.asks[: self._rows])}]}}'

    def _candles(self, state: Any) -> str:
        return f"[{', '.join(state.newest(self._rows))}]"

    def _trades(self, state: Trades) -> Push | None:
        """Trades since the last frame, each sent once; what a reader was too slow for is counted."""
        self._started = True
        sent, self._sent = self._sent, state.tail.end
        new, missed = ((), 0) if sent is None else state.tail.since(sent)
        if not new and not missed:
            return None
        return Push(self._frame("trades", f"[{', '.join(new)}]", state.at, missed), missed)

    def _frame(self, kind: str, data: str, at: Decimal, dropped: int = 0) -> str:
        told = f', "dropped": {dropped}' if dropped else ""
        return f'{{"type": "{kind}", "subscription_id": {json.dumps(self._id)}, "data": {data}{told}, "timestamp": {at}}}'


def _told_before(state: State | Trouble | None) -> int | None:
    """How many trades were told before a subscription began; None when that is not known yet."""
    if state is None:
        return 0
    return state.tail.end if isinstance(state, Trades) else None


def _newest(state: Any) -> str:
    return next(iter(state.newest(1)), "null")


def _levels(levels: tuple[Level, ...]) -> str:
    return ", ".join(f"[{price}, {amount}]" for price, amount in levels)


def _market(frame: dict[str, Any]) -> tuple[str, str]:
    connector, pair = frame.get("connector"), frame.get("trading_pair")
    if not connector or not pair:
        raise FrameRefused("connector and trading_pair are required")
    connector, pair = text("connector", connector), text("trading_pair", pair)
    base, _, quote = pair.partition("-")
    if not (base and quote):
        msg = f"Trading pair '{pair}' is not written as BASE-QUOTE, for example BTC-USDT"
        raise FrameRefused(msg)
    return connector, pair


def _candle_interval(frame: dict[str, Any]) -> str:
    value = frame.get("interval")
    if value is None:
        return "1m"
    if not isinstance(value, str) or value not in SECONDS:
        msg = f"interval: one of {', '.join(SECONDS)}"
        raise FrameRefused(msg)
    return value


def _whole(frame: dict[str, Any], name: str, default: int, most: int) -> int:
    value = frame.get(name)
    if value is None:
        return default
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= most:
        msg = f"{name}: a whole number from 1 to {most}"
        raise FrameRefused(msg)
    return value
