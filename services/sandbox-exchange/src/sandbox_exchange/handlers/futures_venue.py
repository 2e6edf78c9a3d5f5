"""The futures exchange as its doors see it: commands are durable before they are answered, and before anybody hears of them."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from decimal import Decimal

from sandbox_exchange.domain.market.history import Bar, History
from sandbox_exchange.domain.perpetual.accounts import PositionKey
from sandbox_exchange.domain.perpetual.commands import Command, Mark
from sandbox_exchange.domain.perpetual.events import (
    Deposited,
    Event,
    FundingPaid,
    InsuranceCleared,
    LeverageSet,
    MarginCalled,
    OrderAccepted,
    Traded,
    Withdrawn,
    to_record,
)
from sandbox_exchange.domain.perpetual.exchange import FuturesExchange
from sandbox_exchange.domain.perpetual.premium import Premium, funding_rate, price_at
from sandbox_exchange.domain.perpetual.process import ContractProcess
from sandbox_exchange.domain.perpetual.settlement import next_funding
from sandbox_exchange.domain.perpetual.state import ContractMarket
from sandbox_exchange.domain.spot.events import OrderClosed
from sandbox_exchange.domain.spot.orders import HOUSE, ZERO
from sandbox_exchange.domain.wire import futures_markets, futures_reports
from sandbox_exchange.handlers.channels import FUTURES, futures_user_channel
from sandbox_exchange.handlers.streams import Hub
from sandbox_exchange.handlers.venue import EventJournal, Venue, bars_of

REASONS = {Deposited: "DEPOSIT", Withdrawn: "WITHDRAW", FundingPaid: "FUNDING_FEE", InsuranceCleared: "INSURANCE_CLEAR"}


class FuturesVenue:
    """The futures exchange beside the spot exchange, whose accounts, clock and prices (the index) are its own too."""

    def __init__(self, spot: Venue, exchange: FuturesExchange, journal: EventJournal, hub: Hub, seed: int) -> None:
        self.spot = spot
        self.exchange = exchange
        self.hub = hub
        self.markets = exchange.state.markets
        self.premiums = {symbol: Premium(symbol, seed) for symbol in self.markets}
        self.histories = {symbol: self._history(market) for symbol, market in self.markets.items()}
        self._journal = journal
        self._messages: list[tuple[str, Mapping[str, object]]] = []
        self._outbox: deque[tuple[int, list[tuple[str, Mapping[str, object]]]]] = deque()
        exchange.observer = self._observe

    def now(self) -> int:
        return self.spot.now()

    def tell(self, command: Command) -> list[Event]:
        """Carry out a command without waiting for the disk; listeners hear of it when it is durable. Raises Refused."""
        at = self.now()
        events = self.exchange.apply(command, at)
        if events:
            number = self._journal.append({"at": at, "perpetual": [to_record(event) for event in events]})
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
        """Bars that open in seconds `start` <= t < `end`."""
        return await bars_of(self.histories[symbol], interval, start, end, self.now() // 1000)

    def mark(self, symbol: str, second: int) -> None:
        """Bring a contract's index, mark price and funding rate to a second; settles and liquidates what that leads to."""
        market, spot, premium = self.markets[symbol], self.spot.histories[symbol], self.premiums[symbol]
        index = spot.pair.price(spot.second(second)[0])
        length = self.exchange.state.funding_seconds
        # At the very end of an interval its whole average counts: that is the rate that is settled then.
        start = (second - 1) // length * length
        rate = funding_rate(premium.average(start, length, second), market.pair.maintenance_rate)
        self.tell(Mark(symbol, price_at(index, premium.at(second)), index, rate))

    def next_funding(self) -> int:
        """When funding is settled next, in ms."""
        return next_funding(self.exchange.state, self.now())

    def _history(self, market: ContractMarket) -> History:
        spot = self.spot.histories[market.pair.symbol]
        process = ContractProcess(market.pair, spot.pair, spot.process, self.premiums[market.pair.symbol])
        return History(market.pair, process, self.spot.exchange.state.markets[market.pair.symbol].prices_set, market.trades)

    def _observe(self, event: Event) -> None:
        """Note what listeners will be told, while the state is exactly this event's outcome."""
        match event:
            case Traded():
                self._report_trade(event)
            case OrderAccepted():
                order = self.exchange.state.orders[event.order]
                self._report(order.account, futures_reports.order_accepted(order))
            case OrderClosed():
                order = self.exchange.state.orders[event.order]
                self._report(order.account, futures_reports.order_closed(order, event))
            case Deposited() | Withdrawn() | FundingPaid() | InsuranceCleared():
                change = -event.amount if isinstance(event, Withdrawn) else event.amount
                self._report_wallet(event.account, REASONS[type(event)], change, event.at)
            case LeverageSet():
                self._report(event.account, futures_reports.leverage_set(event))
            case MarginCalled():
                account = self.exchange.state.account(event.account)
                self._report(event.account, futures_reports.margin_call(account, self.markets, event.at))
            case _:
                pass

    def _report_trade(self, event: Traded) -> None:
        for name, payload in (
            ("trade", futures_markets.trade_event(event)),
            ("aggTrade", futures_markets.aggregate_trade_event(event)),
        ):
            channel = f"{FUTURES}{event.symbol.lower()}@{name}"
            if self.hub.wants(channel):
                self._messages.append((channel, payload))
        for number in (event.taker, event.maker):
            if number != HOUSE:
                order = self.exchange.state.orders[number]
                key = (order.symbol, order.position_side)
                self._report_wallet(order.account, "ORDER", ZERO, event.at, key)
                self._report(order.account, futures_reports.order_traded(order, event))

    def _report_wallet(self, account: str, reason: str, change: Decimal, at: int, *touched: PositionKey) -> None:
        held = self.exchange.state.account(account)
        self._report(account, futures_reports.account_update(held, self.markets, reason, change, touched, at))

    def _report(self, account: str, payload: Mapping[str, object]) -> None:
        channel = futures_user_channel(account)
        if self.hub.wants(channel):
            self._messages.append((channel, payload))
