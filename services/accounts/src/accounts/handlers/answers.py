"""The JSON of the contract (8.4). Only here do exact decimals become floats, and only here are they rounded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from pydantic_core import to_json

from accounts.domain.distribution import AccountDistribution, AccountShare, Share, TokenDistribution
from accounts.domain.exact import rounded
from accounts.domain.portfolio import Holding, Portfolio

ALL_ACCOUNTS = "all_accounts"
SEVERAL_ACCOUNTS = "filtered"
VALUE_PLACES = 6
PERCENTAGE_PLACES = 4


def json_bytes(answer: object) -> bytes:
    """The final JSON of an answer."""
    return to_json(answer)


def holding_json(holding: Holding) -> dict[str, str | float]:
    """One token object."""
    return {
        "token": holding.token,
        "units": float(holding.units),
        "price": float(holding.price),
        "value": float(holding.value),
        "available_units": float(holding.available_units),
    }


def state_json(portfolio: Portfolio) -> dict[str, dict[str, list[dict[str, str | float]]]]:
    """`{account: {connector: [token object]}}`."""
    return {
        account: {connector: [holding_json(holding) for holding in holdings] for connector, holdings in connectors.items()}
        for account, connectors in portfolio.items()
    }


def token_distribution_json(distribution: TokenDistribution, account_names: Sequence[str] | None) -> dict[str, Any]:
    """The distribution over tokens; `account_names` is the caller's filter, told back as `account_filter`."""
    return {
        "total_portfolio_value": _value(distribution.value),
        "token_count": len(distribution.tokens),
        "distribution": [
            {
                "token": token.token,
                "total_value": _value(token.share.value),
                "total_units": float(token.share.units),
                "percentage": _percentage(token.share),
                "accounts": {account.name: _token_account_json(account) for account in token.accounts},
            }
            for token in distribution.tokens
        ],
        "account_filter": _account_filter(account_names),
    }


def account_distribution_json(distribution: AccountDistribution) -> dict[str, Any]:
    """The distribution over accounts."""
    return {
        "total_portfolio_value": _value(distribution.value),
        "account_count": len(distribution.accounts),
        "distribution": [
            {
                "account": account.name,
                "total_value": _value(account.share.value),
                "percentage": _percentage(account.share),
                "connectors": {
                    connector: {"value": _value(share.value), "percentage": _percentage(share)}
                    for connector, share in account.connectors.items()
                },
            }
            for account in distribution.accounts
        ],
    }


def history_json(points: Sequence[bytes], pagination: Mapping[str, Any]) -> bytes:
    """A history page of points that are JSON already."""
    return b'{"data":[' + b",".join(points) + b'],"pagination":' + to_json(pagination) + b"}"


def _token_account_json(account: AccountShare) -> dict[str, Any]:
    return {
        "value": _value(account.share.value),
        "units": float(account.share.units),
        "percentage": _percentage(account.share),
        "connectors": {
            connector: {"value": _value(share.value), "units": float(share.units)}
            for connector, share in account.connectors.items()
        },
    }


def _value(value: Decimal) -> float:
    return float(rounded(value, VALUE_PLACES))


def _percentage(share: Share) -> float:
    return float(rounded(share.percentage, PERCENTAGE_PLACES))


def _account_filter(account_names: Sequence[str] | None) -> str:
    if not account_names:
        return ALL_ACCOUNTS
    return account_names[0] if len(account_names) == 1 else SEVERAL_ACCOUNTS
