"""What the engine's connectors are: their names, credential fields, order types and public trading rules."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from contracts.trading import ConnectorNotFound
from engine_kit import public
from engine_kit.engine import Engine

from trading.adapters import connectors
from trading.adapters.exchange import ConfigField, TradingRule
from trading.adapters.markets import Markets


class EngineCatalogue:
    """The ConnectorCatalogue of the installed engine."""

    def __init__(self, engine: Engine, markets: Markets) -> None:
        self._engine = engine
        self._markets = markets
        self._order_types: dict[str, list[str]] = {}

    def names(self) -> list[str]:
        """All connector names, sorted. Unavailable while the engine is loading."""
        return sorted(name for name in self._engine.settings if "/" not in name)

    def config_map(self, connector: str) -> dict[str, ConfigField]:
        """The fields of a credential, in the order to ask them."""
        setting = self._setting(connector)
        if setting.config_keys is None:
            return {}
        fields = type(setting.config_keys).model_fields
        return {name: _field(info) for name, info in fields.items() if name != connectors.OWN_NAME}

    async def order_types(self, connector: str) -> list[str]:
        """The engine's names of the supported order types; no network."""
        if connector not in self._order_types:
            made = await public.made_public(self._setting(connector))
            self._order_types[connector] = [kind.name for kind in made.supported_order_types()]
        return list(self._order_types[connector])

    async def trading_rules(self, connector: str, trading_pairs: Iterable[str] | None) -> dict[str, TradingRule]:
        """Public trading rules; pairs the exchange does not list are left out. Unavailable when it cannot be reached."""
        self._setting(connector)
        rules = (await self._markets.of(connector)).rules
        if trading_pairs is None:
            return dict(rules)
        return {pair: rules[pair] for pair in trading_pairs if pair in rules}

    def _setting(self, connector: str) -> Any:
        setting = self._engine.settings.get(connector)
        if setting is None:
            msg = f"Connector '{connector}' not found"
            raise ConnectorNotFound(msg, field="connector")
        return setting


def _field(info: Any) -> ConfigField:
    annotation = info.annotation
    name = getattr(annotation, "__name__", None) or str(annotation)
    return ConfigField(type=name, required=info.is_required(), allowed_values=connectors.allowed_values(annotation))
