"""What the engine's connectors can do, and the rates read through them."""

from __future__ import annotations

from typing import ClassVar

from contracts.message import Command, Query, Reply
from contracts.rejections import Kind, Rejection


class _Connector:
    context: ClassVar[str] = "trading"
    noun: ClassVar[str] = "connector"


class _Rate:
    context: ClassVar[str] = "trading"
    noun: ClassVar[str] = "rate"


class ProveCredential(_Connector, Command):
    """Log in to the exchange with these keys and throw the login away. Nothing is stored.

    Refused: ConnectorUnknown, CredentialFieldInvalid, CredentialRefused. Unavailable: the exchange cannot be reached.
    """

    connector: str
    sealed: str


class CredentialProved(Reply):
    """The exchange accepted the credential."""

    connector: str


class ListConnectors(_Connector, Query):
    """-> JSON list of the engine's connector names."""


class GetConfigMap(_Connector, Query):
    """-> `{field: {"type": str, "required": bool, "allowed_values"?: [...]}}` (contract 8.3). Refused: ConnectorNotFound."""

    connector: str


class GetOrderTypes(_Connector, Query):
    """-> `{"connector": str, "supported_order_types": [...]}`. Refused: ConnectorNotFound."""

    connector: str


class GetTradingRules(_Connector, Query):
    """-> `{pair: {...}}` (contract 8.3); no account needed. Refused: ConnectorNotFound. Unavailable: exchange unreachable."""

    connector: str
    trading_pairs: tuple[str, ...] | None = None


class GetRates(_Rate, Query):
    """-> `{"quote_token": str, "rates": {token: str | null}}`: the price of each token in the quote token."""

    tokens: tuple[str, ...]
    quote_token: str = "USDT"  # noqa: S105 - a coin, not a secret


class ConnectorNotFound(Rejection):
    """The engine has no connector of this name (404: connector routes)."""

    kind = Kind.NOT_FOUND
