"""Aggregate `rates`: where rates come from, and in which token they are told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from contracts.naming import stream_id
from contracts.rates import DEFAULT_QUOTE_SYMBOL, DEFAULT_QUOTE_TOKEN, DEFAULT_SOURCE, ConfigureRates, RatesConfigured
from eventlog.decider import Decider

RATES_STREAM = stream_id("accounts", "rates", "settings")


@dataclass(frozen=True, slots=True)
class Rates:
    """The source's name, the quote token and its symbol."""

    source: str = DEFAULT_SOURCE
    quote_token: str = DEFAULT_QUOTE_TOKEN
    quote_symbol: str = DEFAULT_QUOTE_SYMBOL


def decide(state: Rates, command: ConfigureRates) -> Sequence[RatesConfigured]:
    """What is chosen; nothing when it holds already."""
    chosen = Rates(
        state.source if command.source is None else command.source,
        state.quote_token if command.quote_token is None else command.quote_token,
        state.quote_symbol if command.quote_symbol is None else command.quote_symbol,
    )
    if chosen == state:
        return ()
    return (RatesConfigured(source=chosen.source, quote_token=chosen.quote_token, quote_symbol=chosen.quote_symbol),)


def evolve(_state: Rates, event: RatesConfigured) -> Rates:
    """The settings after one of their events."""
    return Rates(event.source, event.quote_token, event.quote_symbol)


decider: Decider[Rates, ConfigureRates, RatesConfigured] = Decider(initial=Rates(), decide=decide, evolve=evolve)
"""The decider of stream `accounts.rates-settings`."""
