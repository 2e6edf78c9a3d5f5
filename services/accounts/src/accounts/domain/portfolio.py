"""What the balances of all sessions are worth: exact decimals here, floats only in the JSON of the contract."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from accounts.domain.exact import EXACT, ZERO

QUOTE_TOKEN = "USDT"  # noqa: S105 - a coin, not a secret
DOLLAR = "USD"
ONE = Decimal(1)


@dataclass(frozen=True, slots=True)
class Balance:
    """One token of one session; `total` includes what open orders lock."""

    token: str
    total: Decimal
    available: Decimal


@dataclass(frozen=True, slots=True)
class SessionBalances:
    """All balances that one session reported."""

    account: str
    connector: str
    balances: tuple[Balance, ...]


@dataclass(frozen=True, slots=True)
class Holding:
    """One token of one session and its price in the quote token."""

    token: str
    units: Decimal
    available_units: Decimal
    price: Decimal

    @property
    def value(self) -> Decimal:
        """Units times price, in the quote token, not rounded."""
        return EXACT.multiply(self.units, self.price)


type Portfolio = Mapping[str, Mapping[str, tuple[Holding, ...]]]
"""Holdings by account and connector."""


def counts(balance: Balance, banned_tokens: Collection[str]) -> bool:
    """Whether a balance belongs to the portfolio: not zero and not banned."""
    return balance.total != ZERO and balance.token not in banned_tokens


def is_dollar(token: str) -> bool:
    """Whether the token's price is 1 by rule: its symbol contains `USD`."""
    return DOLLAR in token


def rated_tokens(sessions: Iterable[SessionBalances], banned_tokens: Collection[str]) -> list[str]:
    """The tokens whose price must be asked for, each once, sorted."""
    tokens = {balance.token for session in sessions for balance in session.balances if counts(balance, banned_tokens)}
    return sorted(token for token in tokens if not is_dollar(token))


def valued(
    sessions: Iterable[SessionBalances], rates: Mapping[str, Decimal], banned_tokens: Collection[str]
) -> dict[str, dict[str, tuple[Holding, ...]]]:
    """The portfolio at these rates; a token without a rate is priced 0."""
    portfolio: dict[str, dict[str, tuple[Holding, ...]]] = {}
    for session in sessions:
        portfolio.setdefault(session.account, {})[session.connector] = tuple(
            Holding(
                token=balance.token,
                units=balance.total,
                available_units=balance.available,
                price=ONE if is_dollar(balance.token) else rates.get(balance.token, ZERO),
            )
            for balance in session.balances
            if counts(balance, banned_tokens)
        )
    return portfolio
