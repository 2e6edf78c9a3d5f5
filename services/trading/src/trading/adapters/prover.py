"""Proving a credential: one authenticated call through a connector that is thrown away."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping

from engine_kit import public
from engine_kit.asking import ENGINE_ERRORS
from engine_kit.engine import Engine

from trading.adapters import connectors
from trading.adapters.markets import ONE_LISTING, Markets


class EngineProver:
    """The CredentialProver that asks the exchange for the account's balances."""

    def __init__(self, engine: Engine, markets: Markets) -> None:
        self._engine = engine
        self._markets = markets

    async def prove(self, connector: str, fields: Mapping[str, str]) -> None:
        """Return when the exchange accepted the credential; see the Protocol for what is raised."""
        setting = public.setting_of(self._engine, connector)
        connectors.validated(setting, fields)
        self._engine.venue.admit(connector)
        throwaway = await connectors.made(setting, fields)
        try:
            if connector in ONE_LISTING:
                market = await self._markets.of(connector)
                throwaway._set_trading_pair_symbol_map(market.symbols)
            await connectors.logged_in(throwaway)
        finally:
            with contextlib.suppress(*ENGINE_ERRORS):
                await throwaway.stop_network()
