"""The exchange as its doors see it: commands are durable before they are answered, and before anybody hears of them."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from typing import Protocol

from sandbox_exchange.domain.market.history import Bar, History, interval_start
from sandbox_exchange.domain.market.prices import DAY, FIRST_DAY, PriceProcess
from sandbox_exchange.domain.spot.commands import Command
from sandbox_exchange.domain.spot.events import Deposited, Event, OrderAccepted, OrderClosed, Traded, Withdrawn, to_record
from sandbox_exchange.domain.spot.exchange import Exchange
from sandbox_exchange.domain.spot.orders import HOUSE
from sandbox_exchange.domain.wire import markets, reports
from sandbox_exchange.handlers.channels import user_channel
from sandbox_exchange.handlers.streams import Hub


class EventJournal(Protocol):
    """What the venue needs of the journal."""

    def append(self, record: Mapping[str, object]) -> int: ...

    async def durable(self) -> None: ...


class TimeSource(Protocol):
    """Gives the time in ms."""

    def now(self) -> int: ...


class Venue:
    """One exchange with its journal, clock, market history and listeners."""

    def __init__(
        self, exchange: Exchange, journal: EventJournal, clock: TimeSource, hub: Hub, processes: Mapping[str, PriceProcess]
    ) -> None:
        self.exchange = exchange
        self.clock = clock
        self.hub = hub
        self.markets = exchange.state.markets
        self.histories = {
            symbol: History(market.pair, processes[symbol], market.prices_set, market.trades)
            for symbol, market in exchange.state.markets.items()
        }
        self._journal = journal
        self._messages: list[tuple[str, Mapping[str, object]]] = []
        self._touched: dict[str, set[str]] = {}
        self._outbox: deque[tuple[int, list[tuple[str, Mapping[str, object]]]]] = deque()
        exchange.observer = self._observe

    def now(self) -> int:
        return self.clock.now()

    def tell(self, command: Command) -> list[Event]:
        """Carry out a command without waiting for the disk; listeners hear of it when it is durable. Raises Refused."""
        at = self.now()
        events = self.exchange.apply(command, at)
        if events:
            self._report_balances(at)
            number = self._journal.append({"at": at, "events": [to_record(event) for event in events]})
            if self._messages:
                self._outbox.append((number, self._messages))
                self._messages = []
        return events

    async def execute(self, command: Command) -> list[Event]:
        """Carry out a command; returns when it is durable. Raises Refused."""
        events = self.tell(command)
        await self._journal.durable()
        return events

    async def settled(self) -> None:
        """Wait until everything that can be seen now is durable, so that no answer is taken back by a crash."""
        await self._journal.durable()

    def committed(self, number: int) -> None:
        """Tell listeners what happened up to a durable record."""
        while self._outbox and self._outbox[0][0] <= number:
            for channel, payload in self._outbox.popleft()[1]:
                self.hub.publish(channel, payload)

    async def bars(self, symbol: str, interval: str, start: int, end: int) -> list[Bar]:
        """Bars that open in seconds `start` <= t < `end`; other work goes on while far days are computed."""
        return await bars_of(self.histories[symbol], interval, start, end, self.now() // 1000)

    def _observe(self, event: Event) -> None:
        """Note what listeners will be told, while the state is exactly this event's outcome."""
        match event:
            case Traded():
                channel = f"{event.symbol.lower()}@trade"
                if self.hub.wants(channel):
                    self._messages.append((channel, markets.trade_event(event)))
                for number in (event.taker, event.maker):
                    if number != HOUSE:
                        self._report_order(number, event)
            case OrderAccepted() | OrderClosed():
                self._report_order(event.order, event)
            case Deposited() | Withdrawn():
                if self.hub.wants(user_channel(event.account)):
                    change = event.amount if isinstance(event, Deposited) else -event.amount
                    payload = reports.balance_update(event.asset, change, event.at)
                    self._messages.append((user_channel(event.account), payload))
                    self._touched.setdefault(event.account, set()).add(event.asset)
            case _:
                pass

    def _report_order(self, number: int, event: OrderAccepted | OrderClosed | Traded) -> None:
        order = self.exchange.state.orders[number]
        channel = user_channel(order.account)
        if not self.hub.wants(channel):
            return
        pair = self.exchange.state.markets[order.symbol].pair
        if isinstance(event, Traded):
            payload = reports.order_traded(order, event, (pair.base, pair.quote))
        elif isinstance(event, OrderClosed):
            payload = reports.order_closed(order, event)
        else:
            payload = reports.order_accepted(order)
        self._messages.append((channel, payload))
        self._touched.setdefault(order.account, set()).update((pair.base, pair.quote))

    def _report_balances(self, at: int) -> None:
        for account, assets in self._touched.items():
            payload = reports.account_position(self.exchange.state.accounts[account], sorted(assets), at)
            self._messages.append((user_channel(account), payload))
        self._touched = {}


async def bars_of(history: History, interval: str, start: int, end: int, now: int) -> list[Bar]:
    """Bars of a history that open in seconds `start` <= t < `end`, up to `now`; other work goes on in between."""
    start, end = max(start, FIRST_DAY * DAY), min(end, now + 1)
    for day in range(interval_start(interval, start) // DAY, (end - 1) // DAY + 1):
        history.warm(day, interval)
        await asyncio.sleep(0)
    return history.bars(interval, start, end, now)
