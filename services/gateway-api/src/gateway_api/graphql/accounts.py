"""Accounts and what they hold."""

from __future__ import annotations

from decimal import Decimal

import strawberry
from contracts.accounts import GetPortfolioState, ListAccounts
from strawberry.types import Info

from gateway_api.graphql.context import Context, asked, rows


@strawberry.type(description="One token of an account on one connector; price and value in US dollars.")
class Balance:
    """A balance."""

    account_name: str
    connector_name: str
    token: str
    units: Decimal
    price: Decimal
    value: Decimal
    available_units: Decimal


@strawberry.type
class AccountQueries:
    """Fields of Query."""

    @strawberry.field(description="The names of the accounts.")
    async def accounts(self, info: Info[Context, None]) -> list[str]:
        """REST: GET /accounts/."""
        return list(await info.context.ask(ListAccounts()))

    @strawberry.field(description="What the accounts hold, as last read.")
    async def portfolio(
        self, info: Info[Context, None], account_names: list[str] | None = None, connector_names: list[str] | None = None
    ) -> list[Balance]:
        """REST: POST /portfolio/state."""
        query = asked(GetPortfolioState, account_names=account_names, connector_names=connector_names)
        state = await info.context.ask(query)
        found = [
            {"account_name": account, "connector_name": connector, **balance}
            for account, connectors in state.items()
            for connector, balances in connectors.items()
            for balance in balances
        ]
        return rows(found, Balance)
