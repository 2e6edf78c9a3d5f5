"""An exchange in memory that keeps the Protocols of trading.handlers.exchange, with faults a test can switch on.

One `FakeExchange` is the venue: its orders, trades and balances survive its sessions, as a real exchange's do. `FakeExchange`
is an `Exchanges`, `CredentialProver` and `Rates` too; its `ConnectorCatalogue` is fake_catalogue.FakeCatalogue.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from itertools import count
from typing import Literal
from uuid import UUID

from contracts.accounts import ConnectorUnknown, CredentialRefused
from contracts.rejections import Unavailable
from contracts.trading import OrderType
from fake_catalogue import FakeCatalogue, rule
from fake_derivative import FakeDerivative
from trading.handlers.exchange import (
    Accepted,
    BalancesChanged,
    Disconnected,
    ExchangeOrder,
    Fill,
    Holdings,
    OrderReport,
    OrderTicket,
    Outcome,
    Reconnected,
    Refused,
    ReportStatus,
    TokenBalance,
    TradingRule,
    Unproven,
    Update,
)

Fault = Literal["refuse", "lose_request", "lose_answer"]
"""refuse: the exchange says no. lose_request: it never arrives. lose_answer: it is done, the answer is lost."""

OPEN = (ReportStatus.OPEN, ReportStatus.PARTIALLY_FILLED)


@dataclass
class FakeExchange:
    """The venue. Set `down` to cut every call, `submit_faults` / `cancel_faults` to spoil the next calls in order,
    `room` to the number of orders that its rate limit admits;
    `stumbles` calls fail from when a session has connected.
    """

    down: bool = False
    stumbles: int = 0
    bad_keys: set[str] = field(default_factory=set)
    submit_faults: list[Fault] = field(default_factory=list)
    cancel_faults: list[Fault] = field(default_factory=list)
    listings: bool = True
    room: int | None = None
    prices: dict[str, Decimal] = field(default_factory=lambda: {"BTC-USDT": Decimal(50000), "ETH-USDT": Decimal(3000)})
    funds: dict[str, TokenBalance] = field(default_factory=lambda: {"USDT": TokenBalance(Decimal(10000), Decimal(10000))})
    orders: dict[str, ExchangeOrder] = field(default_factory=dict)
    trades: list[Fill] = field(default_factory=list)
    submits: list[OrderTicket] = field(default_factory=list)
    cancels: list[str] = field(default_factory=list)
    sessions: list[FakeSession] = field(default_factory=list)
    ids: Iterator[int] = field(default_factory=lambda: count(1))
    derivative: FakeDerivative | None = None

    def number(self) -> int:
        return next(self.ids)

    def reach(self) -> None:
        stumbles = self.stumbles > 0 and any(session.running for session in self.sessions)
        self.stumbles -= stumbles
        if self.down or stumbles:
            raise Unavailable("the exchange does not answer")

    def push(self, update: Update) -> None:
        for session in self.sessions:
            if session.running:
                session.updates.put_nowait(update)

    def place(self, order: OrderTicket) -> ExchangeOrder:
        """The order on the book (also for orders placed elsewhere)."""
        listed = ExchangeOrder(
            client_order_id=order.order_id,
            exchange_order_id=str(self.number()),
            trading_pair=order.trading_pair,
            side=order.side,
            order_type=order.order_type,
            amount=order.amount,
            price=order.price,
            executed=Decimal(0),
            status=ReportStatus.OPEN,
            time=datetime.now(UTC),
        )
        self.orders[order.order_id] = listed
        return listed

    def fill(self, order_id: str, amount: Decimal, price: Decimal, *, pushed: bool = True) -> Fill:
        """Execute a part of an order; `pushed=False` loses the user stream's messages."""
        order = self.orders[order_id]
        executed = order.executed + amount
        status = ReportStatus.FILLED if executed >= order.amount else ReportStatus.PARTIALLY_FILLED
        self.orders[order_id] = replace(order, executed=executed, status=status)
        fill = Fill(
            order_id=order_id,
            exchange_order_id=order.exchange_order_id,
            trade_id=str(self.number()),
            trading_pair=order.trading_pair,
            side=order.side,
            price=price,
            amount=amount,
            fee=amount * Decimal("0.001"),
            fee_token=order.trading_pair.split("-")[0],
            is_maker=order.order_type is OrderType.LIMIT_MAKER,
            time=datetime.now(UTC),
        )
        self.trades.append(fill)
        if pushed:
            self.push(fill)
            self.push(self.report(order_id, "fake stream"))
        return fill

    def end(self, order_id: str, status: ReportStatus = ReportStatus.CANCELLED, *, pushed: bool = True) -> None:
        """Take an order off the book."""
        self.orders[order_id] = replace(self.orders[order_id], status=status)
        if pushed:
            self.push(self.report(order_id, "fake stream"))

    def report(self, order_id: str, evidence: str = "fake query") -> OrderReport:
        order = self.orders.get(order_id)
        now = datetime.now(UTC)
        if order is None:
            return OrderReport(order_id, None, ReportStatus.NOT_FOUND, now, "Order does not exist.", evidence)
        return OrderReport(order_id, order.exchange_order_id, order.status, now, order.status.value, evidence, order.executed)

    def disconnect(self, reason: str = "cable") -> None:
        self.push(Disconnected(reason))

    def reconnect(self) -> None:
        self.push(Reconnected())

    # Exchanges

    def clocks(self) -> dict[tuple[str, str], float]:
        return {}

    def session(
        self, account: str, connector: str, fields: Mapping[str, str], held: Callable[[], bool] = lambda: True
    ) -> FakeSession:
        session = FakeSession(self, account, connector, dict(fields))
        self.sessions.append(session)
        return session

    # CredentialProver

    async def prove(self, connector: str, fields: Mapping[str, str]) -> None:
        if connector not in FakeCatalogue().names():
            raise ConnectorUnknown(f"Connector '{connector}' not found")
        self.check_keys(fields)

    def check_keys(self, fields: Mapping[str, str]) -> None:
        self.reach()
        if self.bad_keys & set(fields.values()):
            raise CredentialRefused("Invalid API-key, IP, or permissions for action. (-2015)")

    # Rates

    async def rates(self, tokens: Iterable[str], quote_token: str) -> dict[str, Decimal | None]:
        self.reach()
        return {t: Decimal(1) if t == quote_token else self.prices.get(f"{t}-{quote_token}") for t in tokens}


class FakeSession:
    """An ExchangeSession on a FakeExchange."""

    def __init__(self, exchange: FakeExchange, account: str, connector: str, fields: dict[str, str]) -> None:
        self.exchange = exchange
        self.account = account
        self.connector = connector
        self.fields = fields
        self.updates: asyncio.Queue[Update] = asyncio.Queue()
        self.derivative = exchange.derivative
        self.running = False
        self.adopted: dict[str, OrderTicket] = {}
        self._rules: dict[str, TradingRule] = {}

    async def start(self) -> None:
        self.exchange.check_keys(self.fields)
        await self.reread_rules()
        self.running = True

    async def reread_rules(self) -> None:
        self.exchange.reach()
        self._rules = {pair: rule(pair) for pair in self.exchange.prices}

    async def stop(self) -> None:
        self.running = False

    def ready(self) -> str | None:
        return None if self.running else "not started"

    @property
    def trading_rules(self) -> Mapping[str, TradingRule]:
        return self._rules

    @property
    def order_types(self) -> Sequence[OrderType]:
        return (OrderType.LIMIT, OrderType.LIMIT_MAKER, OrderType.MARKET)

    def client_order_id(self, key: UUID) -> str:
        return f"fake-{key.hex}"

    def quantize_amount(self, trading_pair: str, amount: Decimal) -> Decimal:
        step = self._rules[trading_pair].min_base_amount_increment
        return amount // step * step

    def quantize_price(self, trading_pair: str, price: Decimal) -> Decimal:
        step = self._rules[trading_pair].min_price_increment
        return price // step * step

    async def price(self, trading_pair: str) -> Decimal | None:
        self.exchange.reach()
        return self.exchange.prices.get(trading_pair)

    def order_wait(self, ahead: int) -> float:
        room = self.exchange.room
        return 0.0 if room is None or ahead < room - len(self.exchange.submits) else 10.0

    async def submit(self, order: OrderTicket) -> Outcome:
        exchange = self.exchange
        exchange.submits.append(order)
        fault = exchange.submit_faults.pop(0) if exchange.submit_faults else None
        if exchange.down or fault == "lose_request":
            return Unproven("connection lost")
        if fault == "refuse":
            return Refused("Account has insufficient balance for requested action. (-2010)", '{"code":-2010}')
        placed = exchange.place(order)
        if fault == "lose_answer":
            return Unproven("time-out")
        return Accepted(placed.exchange_order_id, placed.time)

    async def cancel(self, order: OrderTicket) -> Outcome:
        exchange = self.exchange
        exchange.cancels.append(order.order_id)
        fault = exchange.cancel_faults.pop(0) if exchange.cancel_faults else None
        if exchange.down or fault == "lose_request":
            return Unproven("connection lost")
        known = exchange.orders.get(order.order_id)
        if fault == "refuse" or known is None or known.status not in OPEN:
            return Refused("Unknown order sent. (-2011)", '{"code":-2011}')
        exchange.end(order.order_id)
        if fault == "lose_answer":
            return Unproven("time-out")
        return Accepted(known.exchange_order_id, datetime.now(UTC))

    async def order_report(self, order: OrderTicket) -> OrderReport:
        self.exchange.reach()
        return self.exchange.report(order.order_id)

    async def fills_of(self, order: OrderTicket) -> list[Fill]:
        self.exchange.reach()
        return [fill for fill in self.exchange.trades if fill.order_id == order.order_id]

    async def open_orders(self) -> list[ExchangeOrder] | None:
        self.exchange.reach()
        return [o for o in self.exchange.orders.values() if o.status in OPEN] if self.exchange.listings else None

    async def orders_since(self, trading_pair: str, since: datetime) -> list[ExchangeOrder] | None:
        self.exchange.reach()
        found = [o for o in self.exchange.orders.values() if o.trading_pair == trading_pair and o.time >= since]
        return found if self.exchange.listings else None

    async def trades_since(self, trading_pair: str, since: datetime) -> list[Fill] | None:
        self.exchange.reach()
        found = [t for t in self.exchange.trades if t.trading_pair == trading_pair and t.time >= since]
        return [replace(t, order_id=None) for t in found] if self.exchange.listings else None

    async def balances(self, *, refresh: bool) -> Mapping[str, TokenBalance]:
        if refresh:
            self.exchange.reach()
            self.updates.put_nowait(BalancesChanged())
        return dict(self.exchange.funds)

    async def holdings(self) -> Holdings:
        return Holdings({token: held.total for token, held in self.exchange.funds.items()})

    def adopt(self, order: OrderTicket) -> None:
        self.adopted[order.order_id] = order

    def forget(self, order_id: str) -> None:
        self.adopted.pop(order_id, None)
