"""The engine's executors: their configurations checked, and their objects built on running sessions."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from contracts.rejections import Unavailable
from contracts.trading import ExecutorConfigInvalid, ExecutorCreated, ExecutorType, Market, TradingPairUnknown
from engine_kit.books import Books
from pydantic import JsonValue

from trading.adapters import executor_configs, executor_schema
from trading.adapters.executor import EngineExecutor
from trading.adapters.executor_market import Connector, Orders
from trading.adapters.executor_orders import Wanted
from trading.adapters.executor_rates import Conversions
from trading.adapters.markets import Markets
from trading.adapters.rates import EngineRates
from trading.adapters.session import EngineSession


class EngineExecutors:
    """Builds executors; the books of their markets are shared."""

    def __init__(self, markets: Markets, books: Books, rates: EngineRates) -> None:
        self._markets = markets
        self._books = books
        self._rates = rates
        self._conversions = Conversions(rates)

    async def prepare(self) -> None:
        """Load the engine's executors: seconds of processor time the first time, off the loop."""
        await asyncio.to_thread(executor_configs.load)

    def type_of(self, config: Mapping[str, JsonValue]) -> ExecutorType:
        """The type a configuration names. Raises ExecutorTypeUnknown, Unavailable."""
        return executor_configs.type_of(config)

    def checked(self, type_: ExecutorType, config: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
        """The complete configuration. Raises ExecutorConfigInvalid."""
        return executor_configs.checked(type_, config)

    def available(self) -> dict[str, Any]:
        """All types with what they are for, as contract 8.13 lists them."""
        return executor_schema.types_available()

    async def schema(self, name: str) -> dict[str, Any]:
        """The fields of a type's configuration. Raises ExecutorTypeNotFound."""
        return await asyncio.to_thread(executor_schema.config_schema, name)

    async def markets(self, type_: ExecutorType, config: Mapping[str, Any]) -> tuple[Market, ...]:
        """The markets it trades on. Raises ConnectorUnknown, TradingPairUnknown, Unavailable."""
        found = executor_configs.markets(type_, config)
        for market in found:
            rules = (await self._markets.of(market.connector)).rules
            if market.trading_pair not in rules:
                some = ", ".join(sorted(rules)[:10])
                msg = f"{market.connector} does not list '{market.trading_pair}'; it lists {some}"
                raise TradingPairUnknown(msg, field="executor_config.trading_pair")
        return found

    async def follow(self, created: ExecutorCreated) -> None:
        """Have live books of its markets, and rates between their quote tokens. Unavailable when there are none in time."""
        followed: list[tuple[str, list[str]]] = []
        try:
            for connector, pairs in _pairs(created).items():
                await self._books.follow(connector, pairs)
                followed.append((connector, pairs))
            await self._conversions.follow(created.markets)
        except (Unavailable, asyncio.CancelledError):
            for connector, pairs in followed:
                await self._books.leave(connector, pairs)
            raise

    async def leave(self, created: ExecutorCreated) -> None:
        """Its books are needed no more."""
        for connector, pairs in _pairs(created).items():
            await self._books.leave(connector, pairs)
        await self._conversions.leave(created.markets)

    async def rate(self, token: str, quote_token: str) -> Decimal | None:
        """A token's price in another one; None when none is known. Unavailable when no source answers."""
        return (await self._rates.rates([token], quote_token))[token]

    async def stop(self) -> None:
        """Close the books."""
        await self._conversions.stop()
        await self._books.stop()

    def executor(
        self,
        created: ExecutorCreated,
        sessions: Mapping[str, Any],
        place: Callable[[Wanted], str],
        cancel: Callable[[str], None],
    ) -> EngineExecutor:
        """The engine's object. ExecutorConfigInvalid when its class refuses the configuration; Unavailable without a price."""
        orders = Orders()
        connectors = {
            name: Connector(name, session.engine_connector, self._books, orders)
            for name, session in sessions.items()
            if isinstance(session, EngineSession)
        }
        try:
            return EngineExecutor(created.executor_type, created.config, connectors, orders, place, cancel)
        except (ValueError, LookupError, ArithmeticError) as refused:
            msg = f"{created.executor_type.value} cannot run with this configuration: {refused}"
            raise ExecutorConfigInvalid(msg, field="executor_config") from refused


def _pairs(created: ExecutorCreated) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for market in created.markets:
        found.setdefault(market.connector, []).append(market.trading_pair)
    return found
