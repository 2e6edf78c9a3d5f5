"""/portfolio: balances and their value, now and over time."""

from __future__ import annotations

import json
from typing import Literal

from contracts.accounts import (
    GetAccountsDistribution,
    GetPortfolioDistribution,
    GetPortfolioHistory,
    GetPortfolioState,
    RefreshPortfolio,
)
from contracts.message import Metadata
from contracts.rejections import Unavailable
from fastapi import APIRouter
from pydantic import BaseModel, Field
from starlette.responses import Response

from gateway_api.rest.answers import relayed
from gateway_api.rest.call import BASIC, AuthenticatedRoute, Bus, Commanding, Reading
from gateway_api.rest.documented import COMMON, CURSOR_INVALID, commanded
from gateway_api.rest.fields import AccountNames, ConnectorNames, Cursor, Flag, From, Limit, Until
from gateway_api.rest.services import Services
from gateway_api.views.portfolio import AccountsDistribution, Distribution, History, State

REFRESH_TIMEOUT = 30.0
REFRESH_FAILED = "X-Refresh-Failed"

router = APIRouter(
    prefix="/portfolio", tags=["Portfolio"], route_class=AuthenticatedRoute, dependencies=[BASIC], responses=COMMON
)


class PortfolioStateFilterRequest(BaseModel):
    """Which balances; without filters all."""

    account_names: AccountNames = None
    connector_names: ConnectorNames = None
    skip_gateway: Flag = Field(default=False, description="Leave the balances of DEX wallets as they were last read.")
    refresh: Flag = Field(default=False, description="Read the balances from the exchanges first.")


class PortfolioDistributionFilterRequest(BaseModel):
    """Which balances; without filters all."""

    account_names: AccountNames = None
    connector_names: ConnectorNames = None


class PortfolioHistoryFilterRequest(BaseModel):
    """Which snapshots; without filters all, newest first."""

    limit: Limit = 100
    cursor: Cursor = None
    start_time: From = None
    end_time: Until = None
    account_names: AccountNames = None
    connector_names: ConnectorNames = None
    interval: Literal["5m", "15m", "30m", "1h", "4h", "12h", "1d"] | None = Field(
        default="5m", description="Least distance between two snapshots."
    )


@router.post(
    "/state",
    response_model=State,
    summary="Balances and their value",
    responses={
        **commanded(),
        200: {
            "headers": {
                REFRESH_FAILED: {
                    "description": "After `refresh`: the `account.connector` whose balances could not be read anew, comma "
                    "separated; `*` for all.",
                    "schema": {"type": "string"},
                }
            }
        },
    },
)
async def get_portfolio_state(filters: PortfolioStateFilterRequest, bus: Bus, metadata: Commanding) -> Response:
    """The tokens of every account and connector. Names that do not exist are left out."""
    names = {"account_names": filters.account_names, "connector_names": filters.connector_names}
    failed = await _refresh(RefreshPortfolio(**names), bus, metadata) if filters.refresh else ""
    response = relayed(await bus.query(GetPortfolioState(**names), metadata))
    if failed:
        response.headers[REFRESH_FAILED] = failed
    return response


async def _refresh(command: RefreshPortfolio, bus: Services, metadata: Metadata) -> str:
    """What could not be refreshed: the last known balances are still worth more to the caller than an error."""
    try:
        answer = await bus.command(command, metadata, timeout=REFRESH_TIMEOUT)
    except Unavailable:
        return "*"
    return "*" if answer.status >= 400 else ",".join(sorted(json.loads(answer.body)["failed"]))


@router.post("/history", response_model=History, summary="Balances over time", responses=CURSOR_INVALID)
async def get_portfolio_history(filters: PortfolioHistoryFilterRequest, bus: Bus, metadata: Reading) -> Response:
    """A page of snapshots, newest first; `pagination.next_cursor` leads to the next one."""
    given = filters.model_dump()
    query = GetPortfolioHistory.model_validate({**given, "interval": filters.interval or "5m"})
    return relayed(await bus.query(query, metadata))


@router.post("/distribution", response_model=Distribution, summary="Value by token")
async def get_portfolio_distribution(filters: PortfolioDistributionFilterRequest, bus: Bus, metadata: Reading) -> Response:
    """Each token's part of the value, over any number of accounts."""
    return relayed(await bus.query(GetPortfolioDistribution.model_validate(filters.model_dump()), metadata))


@router.get("/accounts-distribution", response_model=AccountsDistribution, summary="Value by account")
async def get_accounts_distribution(bus: Bus, metadata: Reading) -> Response:
    """Each account's part of the value."""
    return relayed(await bus.query(GetAccountsDistribution(), metadata))
