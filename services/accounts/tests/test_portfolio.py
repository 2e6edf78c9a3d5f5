"""Valuation, distribution and their JSON."""

from __future__ import annotations

from decimal import Decimal

from accounts.domain.distribution import by_account, by_token
from accounts.domain.exact import total
from accounts.domain.portfolio import Balance, Holding, SessionBalances, rated_tokens, valued
from accounts.handlers.answers import account_distribution_json, state_json, token_distribution_json
from hypothesis import given
from hypothesis import strategies as st

SESSIONS = [
    SessionBalances(
        "a", "binance", (Balance("BTC", Decimal("0.5"), Decimal("0.4")), Balance("USDT", Decimal(100), Decimal(100)))
    ),
    SessionBalances("b", "binance", (Balance("BTC", Decimal("0.25"), Decimal("0.25")), Balance("NAV", Decimal(9), Decimal(9)))),
    SessionBalances("b", "kraken", (Balance("XYZ", Decimal(7), Decimal(7)), Balance("ETH", Decimal(0), Decimal(0)))),
]
PORTFOLIO = valued(SESSIONS, {"BTC": Decimal(40000)}, {"NAV"})


def test_only_tokens_that_count_and_are_no_dollars_need_a_rate() -> None:
    assert rated_tokens(SESSIONS, {"NAV"}) == ["BTC", "XYZ"]


def test_the_state_has_the_contract_s_shape() -> None:
    assert state_json(PORTFOLIO) == {
        "a": {
            "binance": [
                {"token": "BTC", "units": 0.5, "price": 40000.0, "value": 20000.0, "available_units": 0.4},
                {"token": "USDT", "units": 100.0, "price": 1.0, "value": 100.0, "available_units": 100.0},
            ]
        },
        "b": {
            "binance": [{"token": "BTC", "units": 0.25, "price": 40000.0, "value": 10000.0, "available_units": 0.25}],
            "kraken": [{"token": "XYZ", "units": 7.0, "price": 0.0, "value": 0.0, "available_units": 7.0}],
        },
    }


def test_the_distribution_over_tokens_has_one_shape_for_several_accounts() -> None:
    distribution = token_distribution_json(by_token(PORTFOLIO), ("a", "b"))
    assert distribution["account_filter"] == "filtered"
    assert distribution["total_portfolio_value"] == 30100.0
    assert distribution["token_count"] == 3
    bitcoin = distribution["distribution"][0]
    assert bitcoin == {
        "token": "BTC",
        "total_value": 30000.0,
        "total_units": 0.75,
        "percentage": 99.6678,
        "accounts": {
            "a": {
                "value": 20000.0,
                "units": 0.5,
                "percentage": 66.6667,
                "connectors": {"binance": {"value": 20000.0, "units": 0.5}},
            },
            "b": {
                "value": 10000.0,
                "units": 0.25,
                "percentage": 33.3333,
                "connectors": {"binance": {"value": 10000.0, "units": 0.25}},
            },
        },
    }
    assert token_distribution_json(by_token({}), None) == {
        "total_portfolio_value": 0.0,
        "token_count": 0,
        "distribution": [],
        "account_filter": "all_accounts",
    }
    assert token_distribution_json(by_token({}), ("a",))["account_filter"] == "a"


def test_the_distribution_over_accounts() -> None:
    distribution = account_distribution_json(by_account(PORTFOLIO))
    assert distribution["account_count"] == 2
    assert distribution["distribution"] == [
        {
            "account": "a",
            "total_value": 20100.0,
            "percentage": 66.7774,
            "connectors": {"binance": {"value": 20100.0, "percentage": 100.0}},
        },
        {
            "account": "b",
            "total_value": 10000.0,
            "percentage": 33.2226,
            "connectors": {"binance": {"value": 10000.0, "percentage": 100.0}, "kraken": {"value": 0.0, "percentage": 0.0}},
        },
    ]


amounts = st.decimals(min_value=0, max_value=Decimal("1e30"), places=18, allow_nan=False, allow_infinity=False)
holdings = st.lists(
    st.builds(Holding, token=st.sampled_from(["BTC", "ETH", "SHIB"]), units=amounts, available_units=amounts, price=amounts),
    max_size=4,
).map(tuple)
names = st.sampled_from(["a", "b", "c"])
portfolios = st.dictionaries(names, st.dictionaries(names, holdings, max_size=3), max_size=3)


@given(portfolios)
def test_every_part_adds_up_to_its_whole_to_the_last_digit(portfolio: dict) -> None:
    worth = total(h.value for connectors in portfolio.values() for held in connectors.values() for h in held)
    tokens, accounts = by_token(portfolio), by_account(portfolio)
    assert tokens.value == accounts.value == worth
    assert total(token.share.value for token in tokens.tokens) == worth
    assert total(account.share.value for account in accounts.accounts) == worth
    for part in tokens.tokens:
        assert total(account.share.value for account in part.accounts) == part.share.value
        assert total(account.share.units for account in part.accounts) == part.share.units
    for account in accounts.accounts:
        assert total(share.value for share in account.connectors.values()) == account.share.value
    if worth:
        assert abs(total(token.share.percentage for token in tokens.tokens) - 100) < Decimal("1e-9")
    token_distribution_json(tokens, None)
    account_distribution_json(accounts)
