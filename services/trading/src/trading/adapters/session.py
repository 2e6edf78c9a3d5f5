"""One live engine connector of one account: its life, and what it is asked to do.

Only the parts of the connector that are needed run: its user stream, and a loop that keeps time, rules and balances. The
engine's order books, polling and its idea of lost orders stay off; what is missed is asked for by the handlers.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID
from weakref import WeakSet

from contracts.rejections import Unavailable
from contracts.trading import OrderType
from engine_kit import public, throttle
from engine_kit.asking import asked
from engine_kit.engine import Engine
from engine_kit.permit import Permit, always, restrict

from trading.adapters import connectors, order_ids
from trading.adapters.binance import BinanceReading
from trading.adapters.binance_perpetual import BinanceDerivative, BinancePerpetualReading
from trading.adapters.derivative import Derivative, follow_position_mode, is_derivative, read_holdings
from trading.adapters.exchange import (
    BalancesChanged,
    ExchangeOrder,
    Fill,
    Holdings,
    OrderReport,
    OrderTicket,
    Outcome,
    Refused,
    TokenBalance,
    TradingRule,
    Update,
)
from trading.adapters.markets import FRESH_SECONDS, ONE_LISTING, Market, Markets, load_own
from trading.adapters.orders import OrderDesk
from trading.adapters.push import Push
from trading.adapters.reading import Reading
from trading.adapters.upkeep import Upkeep

STREAM_SECONDS = 20
"""How long a new session waits for its user stream."""

REREAD_SECONDS = 5.0
"""How old rules must be to be read again for a pair that is not among them."""

NO_STEP = Decimal("1E-30")
"""The engine's increment of an exchange without one is 1E-56."""

READINGS: Mapping[str, type[Reading]] = {"binance": BinanceReading, "binance_perpetual": BinancePerpetualReading}
DERIVATIVES: Mapping[str, type[Derivative]] = {"binance_perpetual": BinanceDerivative}


class EngineExchanges:
    """Builds sessions on the engine's connectors."""

    def __init__(self, engine: Engine, markets: Markets) -> None:
        self._engine = engine
        self._markets = markets
        self._sessions: WeakSet[EngineSession] = WeakSet()

    def clocks(self) -> dict[tuple[str, str], float]:
        """Seconds that each session's exchange is ahead of this machine, by account and connector, where one has told."""
        told = {(session.account, session.connector): session.clock_ahead() for session in self._sessions}
        return {session: ahead for session, ahead in told.items() if ahead is not None}

    def session(self, account: str, connector: str, fields: Mapping[str, str], held: Permit = always) -> EngineSession:
        """A session for a credential's fields, not connected. Raises ConnectorUnknown, CredentialFieldInvalid, Unavailable."""
        setting = public.setting_of(self._engine, connector)
        self._engine.venue.admit(connector)
        connectors.validated(setting, fields)
        session = EngineSession(account, connector, setting, fields, self._markets)
        session.held = held
        self._sessions.add(session)
        return session


class EngineSession:
    """An ExchangeSession (see its Protocol) on one connector object, built at `start`."""

    def __init__(self, account: str, connector: str, setting: Any, fields: Mapping[str, str], markets: Markets) -> None:
        self.held: Permit = always
        self.account = account
        self.connector = connector
        self.updates: asyncio.Queue[Update] = asyncio.Queue()
        self._setting = setting
        self._fields = dict(fields)
        self._markets = markets
        self._market: Market | None = None
        self._engine_connector: Any = None
        self._desk: OrderDesk | None = None
        self._reading: Reading | None = None
        self._upkeep: Upkeep | None = None
        self.derivative: Derivative | None = None
        self._read_at = -REREAD_SECONDS
        self._told: Mapping[str, TokenBalance] | None = None

    def __repr__(self) -> str:
        return f"EngineSession({self.account}.{self.connector})"

    async def start(self) -> None:
        """Connect: trading rules, balances, user stream. Raises CredentialRefused or Unavailable."""
        connector = await connectors.made(self._setting, self._fields)
        restrict(connector, self.held)
        self._engine_connector = connector
        self._desk = OrderDesk(connector)
        self._reading = READINGS.get(self._setting.base_name(), Reading)(connector, self._desk.tracked)
        if is_derivative(connector):
            self.derivative = DERIVATIVES.get(self._setting.base_name(), Derivative)(connector)
        push = Push(connector, self._reading, self._desk.ticket, self._emit)
        push.install()
        self._upkeep = Upkeep(connector, push, self._load_market, self._emit)
        connected = False
        try:
            await self._load_market()
            await connectors.logged_in(connector)
            await follow_position_mode(connector)
            self._told = self._balances()
            await self._upkeep.start(STREAM_SECONDS)
            connected = True
        finally:
            if not connected:
                await self.stop()

    async def stop(self) -> None:
        """Disconnect; orders stay on the exchange."""
        if self._upkeep is not None:
            await self._upkeep.stop()
        self._upkeep = None

    def clock_ahead(self) -> float | None:
        """Seconds the exchange's clock is ahead of this machine's, by its latest answers; None where it tells no time."""
        synchronizer = getattr(self._engine_connector, "_time_synchronizer", None)
        if self._upkeep is None or synchronizer is None or not synchronizer._time_offset_ms:
            return None
        return float(synchronizer.time() - time.time())

    def ready(self) -> str | None:
        """None when orders can be placed."""
        if self._upkeep is None:
            return "not started"
        return None if self._market is not None else "trading rules are not loaded"

    @property
    def engine_connector(self) -> Any:
        """The engine's own connector, for executors of the engine. Unavailable before `start`."""
        return self._started

    @property
    def trading_rules(self) -> Mapping[str, TradingRule]:
        """Rules by pair; empty until loaded."""
        return {} if self._market is None else self._market.rules

    async def reread_rules(self) -> None:
        """Read the rules anew, at most once in REREAD_SECONDS: an exchange lists only what is traded at the moment."""
        now = time.monotonic()
        if now - self._read_at >= REREAD_SECONDS:
            self._read_at = now
            await self._load_market(REREAD_SECONDS)

    @property
    def order_types(self) -> Sequence[OrderType]:
        """The contract's order types that the connector supports."""
        supported = {kind.name for kind in self._started.supported_order_types()}
        return tuple(kind for kind in OrderType if kind.value in supported)

    def client_order_id(self, key: UUID) -> str:
        """The client order id for a command's message id."""
        return order_ids.client_order_id(self._started, self._setting.base_name(), key)

    def quantize_amount(self, trading_pair: str, amount: Decimal) -> Decimal:
        """The amount rounded down to the pair's increment."""
        return _floored(amount, self._started.get_order_size_quantum(trading_pair, amount))

    def quantize_price(self, trading_pair: str, price: Decimal) -> Decimal:
        """The price rounded down to the pair's increment."""
        return _floored(price, self._started.get_order_price_quantum(trading_pair, price))

    async def price(self, trading_pair: str) -> Decimal | None:
        """The pair's last price."""
        return await self._asking.price(trading_pair)

    def order_wait(self, ahead: int) -> float:
        """Seconds until an order could be sent behind `ahead` others, by the engine's rate limits."""
        limit_id = throttle.ORDER_LIMITS.get(self._setting.base_name())
        return 0.0 if limit_id is None else throttle.order_wait(self._started.throttler, limit_id, ahead)

    async def submit(self, order: OrderTicket) -> Outcome:
        """Send the order once."""
        if self._desk is None:
            return Refused("nothing was sent: the session is not started", "")
        reference = None if order.price is not None or self._asking.rest_only else await self._reference(order.trading_pair)
        return await self._desk.submit(order, self._asking.rest_only, reference)

    async def cancel(self, order: OrderTicket) -> Outcome:
        """Send one cancel."""
        if self._desk is None:
            return Refused("nothing was sent: the session is not started", "")
        return await self._desk.cancel(order)

    async def order_report(self, order: OrderTicket) -> OrderReport:
        """Ask for one order."""
        return await self._asking.order_report(order)

    async def fills_of(self, order: OrderTicket) -> list[Fill]:
        """All executions of one order."""
        return await self._asking.fills_of(order)

    async def open_orders(self) -> list[ExchangeOrder] | None:
        """All open orders of the account, or None."""
        return await self._asking.open_orders()

    async def orders_since(self, trading_pair: str, since: datetime) -> list[ExchangeOrder] | None:
        """Orders placed since then, or None."""
        return await self._asking.orders_since(trading_pair, since)

    async def trades_since(self, trading_pair: str, since: datetime) -> list[Fill] | None:
        """Executions since then, or None."""
        return await self._asking.trades_since(trading_pair, since)

    async def balances(self, *, refresh: bool) -> Mapping[str, TokenBalance]:
        """Balances by token."""
        if refresh:
            await asked(self._started._update_balances())
        return self._balances()

    async def holdings(self) -> Holdings:
        """What the account holds."""
        return await read_holdings(self._started)

    def adopt(self, order: OrderTicket) -> None:
        """Follow an order that may be alive."""
        if self._desk is not None:
            self._desk.adopt(order)

    def forget(self, order_id: str) -> None:
        """Follow the order no longer."""
        if self._desk is not None:
            self._desk.forget(order_id)

    @property
    def _started(self) -> Any:
        if self._engine_connector is None:
            msg = f"the session {self.account}.{self.connector} is not started"
            raise Unavailable(msg)
        return self._engine_connector

    @property
    def _asking(self) -> Reading:
        if self._reading is None:
            msg = f"the session {self.account}.{self.connector} is not started"
            raise Unavailable(msg)
        return self._reading

    async def _reference(self, trading_pair: str) -> Decimal | None:
        try:
            return await self._asking.price(trading_pair)
        except Unavailable:
            return None

    async def _load_market(self, age: float = FRESH_SECONDS) -> None:
        """Take the exchange's rules, shared with other sessions where they are public; those are at most `age` seconds old."""
        connector = self._started
        if self.connector in ONE_LISTING:
            market = await self._markets.of(self.connector, age=age)
            connector._set_trading_pair_symbol_map(market.symbols)
            connector._trading_rules = market.engine_rules
        else:
            market = await load_own(connector)
        self._market = market

    def _balances(self) -> dict[str, TokenBalance]:
        connector = self._started
        return {
            token: TokenBalance(total, connector.get_available_balance(token))
            for token, total in connector.get_all_balances().items()
        }

    def _emit(self, update: Update) -> None:
        if isinstance(update, BalancesChanged):
            balances = self._balances()
            if balances == self._told:
                return
            self._told = balances
        self.updates.put_nowait(update)


def _floored(number: Decimal, step: Decimal) -> Decimal:
    """`number` rounded down to a multiple of `step`, exactly; as it is where the exchange has no step."""
    return number if step < NO_STEP else number // step * step
