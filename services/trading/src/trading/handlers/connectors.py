"""What connectors can do, without an account: their names, fields, order types, rules, rates; and proving keys."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from contracts.accounts import CredentialFieldInvalid
from contracts.message import Metadata, plain_decimal
from contracts.trading import (
    CredentialProved,
    GetConfigMap,
    GetOrderTypes,
    GetRates,
    GetTradingRules,
    ListConnectors,
    ProveCredential,
)
from service_kit.sealing import SealBroken, Sealer

from trading.handlers.credentials import PROVE
from trading.handlers.exchange import ConfigField, ConnectorCatalogue, CredentialProver, Rates, TradingRule

UNLIMITED = 1e56
NO_STEP = 1e-56


class Connectors:
    """Answers queries about connectors and proves credentials."""

    def __init__(self, catalogue: ConnectorCatalogue, prover: CredentialProver, rates: Rates, sealer: Sealer) -> None:
        self._catalogue = catalogue
        self._prover = prover
        self._rates = rates
        self._sealer = sealer

    async def list_connectors(self, _query: ListConnectors, _metadata: Metadata) -> bytes:
        """The names, sorted."""
        return _json(self._catalogue.names())

    async def config_map(self, query: GetConfigMap, _metadata: Metadata) -> bytes:
        """The fields of a credential. Refused: ConnectorNotFound."""
        fields = self._catalogue.config_map(query.connector)
        return _json({name: _field(field) for name, field in fields.items()})

    async def order_types(self, query: GetOrderTypes, _metadata: Metadata) -> bytes:
        """The supported order types. Refused: ConnectorNotFound."""
        types = await self._catalogue.order_types(query.connector)
        return _json({"connector": query.connector, "supported_order_types": types})

    async def trading_rules(self, query: GetTradingRules, _metadata: Metadata) -> bytes:
        """The rules of all pairs, or of those asked for. Refused: ConnectorNotFound. Unavailable: exchange unreachable."""
        asked = query.trading_pairs
        rules = await self._catalogue.trading_rules(query.connector, asked)
        answer: dict[str, Any] = {pair: _rule(rule) for pair, rule in rules.items()}
        for pair in asked or ():
            if pair not in rules:
                answer[pair] = {"error": f"Trading pair {pair} not found"}
        return _json(answer)

    async def rates(self, query: GetRates, _metadata: Metadata) -> bytes:
        """The price of each token in the quote token as text, null where none is known."""
        rates = await self._rates.rates(query.tokens, query.quote_token)
        prices = {token: None if price is None else plain_decimal(price) for token, price in rates.items()}
        return _json({"quote_token": query.quote_token, "rates": prices})

    async def prove(self, command: ProveCredential, _metadata: Metadata) -> CredentialProved:
        """Log in once. Refused: ConnectorUnknown, CredentialFieldInvalid, CredentialRefused."""
        try:
            fields = self._sealer.open(command.sealed, purpose=PROVE)
        except SealBroken as error:
            detail = "the credential cannot be opened: accounts and trading have different transport keys"
            raise CredentialFieldInvalid(detail) from error
        await self._prover.prove(command.connector, fields)
        return CredentialProved(connector=command.connector)


def _field(field: ConfigField) -> dict[str, Any]:
    shown: dict[str, Any] = {"type": field.type, "required": field.required}
    if field.allowed_values is not None:
        shown["allowed_values"] = list(field.allowed_values)
    return shown


def _rule(rule: TradingRule) -> dict[str, Any]:
    """Contract 8.3: floats, with the engine's sentinels for limits that are not set."""
    return {
        "min_order_size": float(rule.min_order_size),
        "max_order_size": _or(rule.max_order_size, UNLIMITED),
        "min_price_increment": float(rule.min_price_increment),
        "min_base_amount_increment": float(rule.min_base_amount_increment),
        "min_quote_amount_increment": _or(rule.min_quote_amount_increment, NO_STEP),
        "min_notional_size": float(rule.min_notional_size),
        "min_order_value": float(rule.min_order_value),
        "max_price_significant_digits": _or(rule.max_price_significant_digits, UNLIMITED),
        "supports_limit_orders": rule.supports_limit_orders,
        "supports_market_orders": rule.supports_market_orders,
        "buy_order_collateral_token": rule.buy_order_collateral_token,
        "sell_order_collateral_token": rule.sell_order_collateral_token,
    }


def _or(limit: Decimal | None, unset: float) -> float:
    return unset if limit is None else float(limit)


def _json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
