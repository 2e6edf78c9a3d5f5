"""A ConnectorCatalogue in memory, and the trading rule its pairs share."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from contracts.trading import ConnectorNotFound
from trading.handlers.exchange import ConfigField, TradingRule


def rule(trading_pair: str) -> TradingRule:
    """A rule with lot 0.0001, tick 0.01, minimum notional 5."""
    quote = trading_pair.split("-")[1]
    return TradingRule(
        trading_pair=trading_pair,
        min_order_size=Decimal("0.0001"),
        max_order_size=Decimal(9000),
        min_price_increment=Decimal("0.01"),
        min_base_amount_increment=Decimal("0.0001"),
        min_quote_amount_increment=None,
        min_notional_size=Decimal(5),
        min_order_value=Decimal(0),
        max_price_significant_digits=None,
        supports_limit_orders=True,
        supports_market_orders=True,
        buy_order_collateral_token=quote,
        sell_order_collateral_token=quote,
    )


class FakeCatalogue:
    """Two connectors: binance and kraken."""

    def names(self) -> list[str]:
        return ["binance", "kraken"]

    def _known(self, connector: str) -> None:
        if connector not in self.names():
            raise ConnectorNotFound(f"Connector '{connector}' not found")

    def config_map(self, connector: str) -> dict[str, ConfigField]:
        self._known(connector)
        secret = ConfigField("SecretStr", required=True)
        return {f"{connector}_api_key": secret, f"{connector}_api_secret": secret}

    async def order_types(self, connector: str) -> list[str]:
        self._known(connector)
        return ["LIMIT", "LIMIT_MAKER", "MARKET"]

    async def trading_rules(self, connector: str, trading_pairs: Iterable[str] | None) -> dict[str, TradingRule]:
        self._known(connector)
        listed = {"BTC-USDT": rule("BTC-USDT"), "ETH-USDT": rule("ETH-USDT")}
        return listed if trading_pairs is None else {p: listed[p] for p in trading_pairs if p in listed}
