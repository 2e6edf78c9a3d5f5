"""How the portfolio's value is spread over tokens and accounts. Sums are exact; nothing is rounded here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from accounts.domain.exact import percentage, total
from accounts.domain.portfolio import Holding, Portfolio


@dataclass(frozen=True, slots=True)
class Share:
    """A part of a whole: its value in the quote token and its percentage of the whole's value; units where it is one token."""

    value: Decimal
    percentage: Decimal
    units: Decimal


@dataclass(frozen=True, slots=True)
class AccountShare:
    """An account's share, and its connectors' shares of the account."""

    name: str
    share: Share
    connectors: Mapping[str, Share]


@dataclass(frozen=True, slots=True)
class TokenShare:
    """A token's share of the portfolio, and its accounts' shares of the token."""

    token: str
    share: Share
    accounts: tuple[AccountShare, ...]


@dataclass(frozen=True, slots=True)
class TokenDistribution:
    """The portfolio by token, highest value first."""

    value: Decimal
    tokens: tuple[TokenShare, ...]


@dataclass(frozen=True, slots=True)
class AccountDistribution:
    """The portfolio by account, highest value first."""

    value: Decimal
    accounts: tuple[AccountShare, ...]


def by_token(portfolio: Portfolio) -> TokenDistribution:
    """The distribution over tokens, the same for one account as for many."""
    whole = _worth(_all(portfolio))
    tokens = [
        TokenShare(token, _share(_all(spread), whole), _accounts(spread, _worth(_all(spread))))
        for token, spread in _spreads(portfolio).items()
    ]
    return TokenDistribution(whole, tuple(sorted(tokens, key=lambda token: (-token.share.value, token.token))))


def by_account(portfolio: Portfolio) -> AccountDistribution:
    """The distribution over accounts; units mean nothing here, for they add different tokens."""
    whole = _worth(_all(portfolio))
    accounts = _accounts(portfolio, whole)
    return AccountDistribution(whole, tuple(sorted(accounts, key=lambda account: (-account.share.value, account.name))))


def _spreads(portfolio: Portfolio) -> dict[str, dict[str, dict[str, tuple[Holding, ...]]]]:
    """For each token the part of the portfolio that is in it."""
    spreads: dict[str, dict[str, dict[str, tuple[Holding, ...]]]] = {}
    for account, connectors in portfolio.items():
        for connector, holdings in connectors.items():
            for holding in holdings:
                here = spreads.setdefault(holding.token, {}).setdefault(account, {})
                here[connector] = (*here.get(connector, ()), holding)
    return spreads


def _accounts(portfolio: Portfolio, whole: Decimal) -> tuple[AccountShare, ...]:
    shares = []
    for name, connectors in portfolio.items():
        held = [holding for holdings in connectors.values() for holding in holdings]
        worth = _worth(held)
        parts = {connector: _share(holdings, worth) for connector, holdings in connectors.items()}
        shares.append(AccountShare(name, _share(held, whole), parts))
    return tuple(shares)


def _share(holdings: Iterable[Holding], whole: Decimal) -> Share:
    held = tuple(holdings)
    worth = _worth(held)
    return Share(value=worth, percentage=percentage(worth, whole), units=total(holding.units for holding in held))


def _worth(holdings: Iterable[Holding]) -> Decimal:
    return total(holding.value for holding in holdings)


def _all(portfolio: Portfolio) -> list[Holding]:
    return [holding for connectors in portfolio.values() for holdings in connectors.values() for holding in holdings]
