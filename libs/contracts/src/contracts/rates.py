"""Tickers and the rates computed from them (market-data), and the operator's choice of source and quote token (accounts).

A rate is the price of a pair's base in its quote: of the pair itself, the inverse of the pair written the other way round, or
over one token in between. `BASE` alone means `BASE-<quote token>`.
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from contracts.market_data import CONTEXT
from contracts.message import Command, Event, Query, Reply, Token
from contracts.rejections import Kind, Rejection

DEFAULT_SOURCE = "binance"
DEFAULT_QUOTE_TOKEN = "USDT"  # noqa: S105 - a coin, not a secret
DEFAULT_QUOTE_SYMBOL = "$"


class _Market:
    context: ClassVar[str] = CONTEXT
    noun: ClassVar[str] = "rate"


class _Settings:
    context: ClassVar[str] = "accounts"
    noun: ClassVar[str] = "rates"


class GetTickers(_Market, Query):
    """-> `{"tickers": {connector: {pair: {...}}}, "counts", "updated_at", "errors"}`, the latter three by connector.

    A ticker is `{"price", "base_volume", "quote_volume", "timestamp"}`: volumes of the last 24 hours, null where the exchange
    does not tell. Without `connectors` those of the pool. A connector that fails is under `errors` with its reason.
    `max_age` seconds is how old tickers may be; with `refresh` they are asked for anew.
    """

    connectors: tuple[str, ...] = ()
    refresh: bool = False
    max_age: float | None = Field(default=None, ge=0)


class ResolveRates(_Market, Query):
    """-> `{"connector", "source", "quote_token", "rates": {pair: number | null}, "missing": {pair: why there is no rate}}`.

    From one connector's tickers, or from the whole pool. Refused: RateSourceUnknown. Unavailable: no tickers.
    """

    trading_pairs: tuple[str, ...]
    connector: str | None = None
    quote_token: str = DEFAULT_QUOTE_TOKEN


class GetRate(_Market, Query):
    """-> `{"trading_pair", "rate", "source", "quote_token"}`. Refused: RateUnknown, RateSourceUnknown. Unavailable: no tickers.

    With `refresh` the exchange is asked anew.
    """

    trading_pair: str
    source: str
    quote_token: str = DEFAULT_QUOTE_TOKEN
    refresh: bool = False


class ListRatePrices(_Market, Query):
    """-> `{"source", "quote_token", "prices_count", "prices": {pair: number}}`: the pairs of a source. Refused as GetRate."""

    source: str
    quote_token: str = DEFAULT_QUOTE_TOKEN


class ListRateSources(_Market, Query):
    """-> JSON list of the sources of rates, sorted: what `source` may be."""


class RateUnknown(Rejection):
    """No route of known pairs leads from the one token to the other; the detail names the pair and says what is missing."""

    kind = Kind.NOT_FOUND


class RateSourceUnknown(Rejection):
    """There is no such source of rates; the detail lists those there are."""

    kind = Kind.INVALID


class ConfigureRates(_Settings, Command):
    """Choose the source of rates, the quote token and its symbol; None keeps what is."""

    source: Token | None = None
    quote_token: Token | None = None
    quote_symbol: str | None = None


class RatesConfigured(_Settings, Event):
    """The operator's choice from now on."""

    source: Token
    quote_token: Token
    quote_symbol: str


class RateSettings(Reply):
    """What holds now, and which of the fields a command changed."""

    source: str
    quote_token: str
    quote_symbol: str
    changed: tuple[str, ...] = ()


class GetRateSettings(_Settings, Query):
    """-> `{"source", "quote_token", "quote_symbol", "changed": []}` as JSON: what holds now."""
