"""Every message class by its name, and the events of each noun."""

from __future__ import annotations

import importlib
import pkgutil
from types import ModuleType
from typing import get_args

from contracts import accounts, market_data, market_feeds, rates, tracked_books, trading, vault
from contracts.message import Command, Event, Message, Query, Reply, Update
from contracts.rejections import Rejection, Unavailable
from contracts.trading import funding, reconciliation

_TRADING = tuple(importlib.import_module(f"{trading.__name__}.{each.name}") for each in pkgutil.iter_modules(trading.__path__))
MODULES: tuple[ModuleType, ...] = (accounts, vault, *_TRADING, market_data, market_feeds, rates, tracked_books)

CONTEXT_EVENTS: dict[str, tuple[type[Event], ...]] = {
    "accounts": (*get_args(accounts.AccountEvent), vault.ConfigPasswordRotated, rates.RatesConfigured),
    "trading": (
        *get_args(trading.OrderEvent),
        *get_args(trading.SessionEvent),
        *get_args(trading.PositionEvent),
        *get_args(reconciliation.DifferenceEvent),
        *get_args(trading.ExecutorEvent),
        *get_args(trading.HoldEvent),
        *get_args(funding.FundingEvent),
        *get_args(trading.RiskEvent),
    ),
}
"""The stored events of each context: what its log may hold."""


def _classes[T](of: type[T]) -> dict[str, type[T]]:
    found: dict[str, type[T]] = {}
    for module in MODULES:
        for value in vars(module).values():
            if isinstance(value, type) and issubclass(value, of) and value.__module__.startswith(module.__name__):
                found[value.__name__] = value
    return dict(sorted(found.items()))


def commands() -> dict[str, type[Command]]:
    """Every command class by name."""
    return _classes(Command)


def events() -> dict[str, type[Event]]:
    """Every event class by name."""
    return _classes(Event)


def queries() -> dict[str, type[Query]]:
    """Every query class by name."""
    return _classes(Query)


def updates() -> dict[str, type[Update]]:
    """Every update class by name."""
    return _classes(Update)


def replies() -> dict[str, type[Reply]]:
    """Every reply class by name."""
    return _classes(Reply)


def rejections() -> dict[str, type[Rejection]]:
    """Every rejection class by name."""
    return _classes(Rejection)


def unavailables() -> dict[str, type[Unavailable]]:
    """Every class of a service that cannot serve now, by name."""
    return _classes(Unavailable)


def messages() -> dict[str, type[Message]]:
    """Commands, events, queries and updates by name."""
    return {**commands(), **events(), **queries(), **updates()}
