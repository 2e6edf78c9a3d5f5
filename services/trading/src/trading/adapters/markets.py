"""The public side of each exchange: its pairs and trading rules, loaded once for all sessions and queries."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from contracts.rejections import Unavailable
from engine_kit import public
from engine_kit.asking import asked
from engine_kit.engine import Engine
from engine_kit.listing import remembered
from service_kit.flight import Flights

from trading.adapters.exchange import TradingRule

FRESH_SECONDS = 300
BIGGEST = Decimal("1E+30")
"""Above this the engine means 'no limit' (its sentinel is 1E+56, with 1E-56 for increments)."""

PERPETUAL = "PERPETUAL"

ONE_LISTING = frozenset({"binance", "binance_perpetual"})
"""Connectors whose pairs and rules are one public answer: asked once, its thousands of rows are read in a thread."""


@dataclass(frozen=True, slots=True)
class Market:
    """The rules of one exchange by pair, and the same in the engine's form with its symbol map for connectors to share."""

    rules: Mapping[str, TradingRule]
    engine_rules: dict[str, Any]
    symbols: Any


class Markets:
    """Markets by connector name; loaded on first use, one load at a time for each connector."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._loaded: dict[str, tuple[float, Market]] = {}
        self._public: dict[str, Any] = {}
        self._flights: Flights[Market] = Flights()

    async def of(self, connector: str, *, age: float = FRESH_SECONDS) -> Market:
        """The market, at most `age` seconds old. Unavailable when the exchange cannot be reached."""
        found = self._known(connector, age)
        return found if found is not None else await self._flights.join(connector, lambda: self._load(connector))

    async def public(self, connector: str) -> Any:
        """A connector without keys. Unavailable outside the venue or when the engine lacks a library for it."""
        if connector not in self._public:
            setting = public.setting_of(self._engine, connector)
            self._engine.venue.admit(connector)
            self._public[connector] = await public.made_public(setting)
        return self._public[connector]

    def _known(self, connector: str, age: float) -> Market | None:
        loaded = self._loaded.get(connector)
        return loaded[1] if loaded is not None and time.monotonic() - loaded[0] < age else None

    async def _load(self, connector: str) -> Market:
        public = await self.public(connector)
        market = await (_one_listing(public) if connector in ONE_LISTING else _listed(public))
        if not market.rules:
            raise Unavailable(f"'{connector}' gave no trading rules", retry_after=10)
        if connector in self._loaded:
            # Orders of a pair that is halted now still have events.
            market = replace(market, symbols=remembered(self._loaded[connector][1].symbols, market.symbols))
        self._loaded[connector] = (time.monotonic(), market)
        return market


async def load_own(connector: Any) -> Market:
    """The market as one trading connector sees it: for exchanges that list only to those who log in."""
    return await _listed(connector)


async def _one_listing(connector: Any) -> Market:
    listing = await asked(connector._make_trading_rules_request())
    connector._initialize_trading_pair_symbols_from_exchange_info(listing)
    # The engine leaves out what is halted; orders, positions and payments of it are still to be understood.
    symbols = remembered(_named(listing), await asked(connector.trading_pair_symbol_map()))
    rules = await asyncio.to_thread(lambda: asyncio.run(connector._format_trading_rules(listing)))
    return _market({rule.trading_pair: rule for rule in rules}, symbols)


def _named(listing: Any) -> dict[str, str]:
    """The pair of every symbol of an `exchangeInfo`, traded or not; of contracts, of the perpetual ones."""
    rows = [row for row in listing["symbols"] if row.get("contractType", PERPETUAL) == PERPETUAL]
    return {row["symbol"]: f"{row['baseAsset']}-{row['quoteAsset']}" for row in rows}


async def _listed(connector: Any) -> Market:
    await asked(connector._update_trading_rules())
    symbols = await asked(connector.trading_pair_symbol_map())
    return _market(dict(connector.trading_rules), symbols)


def _market(engine_rules: dict[str, Any], symbols: Any) -> Market:
    return Market({pair: _rule(rule) for pair, rule in engine_rules.items()}, engine_rules, symbols)


def _rule(rule: Any) -> TradingRule:
    return TradingRule(
        trading_pair=rule.trading_pair,
        min_order_size=rule.min_order_size,
        max_order_size=_limit(rule.max_order_size),
        min_price_increment=rule.min_price_increment,
        min_base_amount_increment=rule.min_base_amount_increment,
        min_quote_amount_increment=_limit(rule.min_quote_amount_increment),
        min_notional_size=rule.min_notional_size,
        min_order_value=rule.min_order_value,
        max_price_significant_digits=_limit(rule.max_price_significant_digits),
        supports_limit_orders=rule.supports_limit_orders,
        supports_market_orders=rule.supports_market_orders,
        buy_order_collateral_token=rule.buy_order_collateral_token,
        sell_order_collateral_token=rule.sell_order_collateral_token,
    )


def _limit(value: Decimal) -> Decimal | None:
    return value if 1 / BIGGEST < value < BIGGEST else None
