"""/trading/{account_name}/risk-limits and /flatten: what the risk guard refuses, and the way out."""

from __future__ import annotations

from typing import Annotated

from contracts.accounts import CredentialUnknown
from contracts.message import TOKEN
from contracts.trading import FlattenAccount, GetRiskLimits, RiskLimits, SetRiskLimits
from contracts.trading.setting_rehearsal import RehearseFlatten, RehearseRiskLimits
from fastapi import APIRouter, Query
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints
from starlette.responses import Response

from gateway_api.rest import rehearsal
from gateway_api.rest.answers import relayed
from gateway_api.rest.call import BASIC, AuthenticatedRoute, Bus, Commanding, Reading
from gateway_api.rest.documented import COMMON, UNKNOWN_ACCOUNT, commanded, refused
from gateway_api.rest.fields import AccountName, Flag, Positive, Text, json_integer
from gateway_api.rest.rehearsal import DryRun
from gateway_api.views.risk import Flattened, FlattenRehearsal, RiskLimitsChanged, RiskLimitsRehearsal, RiskLimitsResponse

TIMEOUT = 30.0
"""Seconds: every session of the account confirms its new limits first."""

FLATTEN_TIMEOUT = 120.0
"""Seconds: executors, orders and positions are waited for, each for a bounded time."""

Connector = Annotated[Text | None, Query(description="Only on this connector.", examples=["binance_perpetual"])]
Pair = Annotated[Text | None, Query(description="Only on this trading pair.", examples=["BTC-USDT"])]

router = APIRouter(prefix="/trading", tags=["Trading"], route_class=AuthenticatedRoute, dependencies=[BASIC], responses=COMMON)

Actor = Annotated[
    Annotated[str, StringConstraints(min_length=1, max_length=128, pattern=r"^[\x21-\x7e]+$")] | None,
    Query(description="Limits of this user or token only, beside those of the account; the tighter one binds."),
]
Count = Annotated[int, Field(ge=1, le=1_000_000), BeforeValidator(json_integer)]


class RiskLimitsRequest(BaseModel):
    """All limits; one that is left out or null is off. Notionals and the loss are in US dollars."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"example": {"max_order_notional": "5000", "max_open_orders": 50, "max_daily_loss": "500"}},
    )

    max_order_notional: Positive | None = Field(default=None, description="Of one order.")
    max_position_notional: Positive | None = Field(
        default=None, description="Of one position or spot holding, were all its open orders filled."
    )
    max_open_orders: Count | None = Field(default=None, description="On one connector.")
    max_orders_per_minute: Count | None = Field(default=None, description="On one connector, within any minute.")
    max_daily_loss: Positive | None = Field(default=None, description="Realised on one connector since midnight UTC.")
    reduce_only: Flag = Field(default=False, description="Take only orders that make a position smaller.")


@router.get("/{account_name}/risk-limits", response_model=RiskLimitsResponse, summary="Risk limits", responses=UNKNOWN_ACCOUNT)
async def get_risk_limits(account_name: AccountName, bus: Bus, metadata: Reading) -> Response:
    """The limits of an account; all null when there are none."""
    return relayed(await bus.query(GetRiskLimits(account=account_name), metadata))


@router.put(
    "/{account_name}/risk-limits",
    response_model=RiskLimitsChanged | RiskLimitsRehearsal,
    summary="Set risk limits",
    openapi_extra=rehearsal.DOCUMENTED,
    responses={**commanded(), **UNKNOWN_ACCOUNT},
)
async def set_risk_limits(
    account_name: AccountName, limits: RiskLimitsRequest, bus: Bus, metadata: Commanding, dry_run: DryRun, actor: Actor = None
) -> Response:
    """Replaces the limits of an account, or of one actor on it. Once answered they hold for every order."""
    if TOKEN.fullmatch(account_name) is None:
        # No account has such a name; the owner says so.
        return relayed(await bus.query(GetRiskLimits(account=account_name), metadata))
    command = SetRiskLimits(account=account_name, actor=actor, limits=RiskLimits(**limits.model_dump()))
    if dry_run:
        return relayed(await bus.command(RehearseRiskLimits(setting=command), metadata))
    return relayed(await bus.command(command, metadata, timeout=TIMEOUT))


@router.post(
    "/{account_name}/flatten",
    response_model=Flattened | FlattenRehearsal,
    summary="End all there is",
    openapi_extra=rehearsal.DOCUMENTED,
    responses={**commanded(), **refused(404, "No account of this name, or it has no credential for the connector.")},
)
async def flatten_account(
    account_name: AccountName,
    bus: Bus,
    metadata: Commanding,
    dry_run: DryRun,
    connector_name: Connector = None,
    trading_pair: Pair = None,
) -> Response:
    """Stops the account's executors, cancels its open orders and closes its positions, and tells what could not be done.

    Spot balances stay, but for what executors bought or sold. It can be repeated until `not_done` is empty.
    """
    if TOKEN.fullmatch(account_name) is None:
        return relayed(await bus.query(GetRiskLimits(account=account_name), metadata))
    if connector_name is not None and TOKEN.fullmatch(connector_name) is None:
        raise CredentialUnknown(f"Account '{account_name}' has no credential for {connector_name}", field="connector_name")
    command = FlattenAccount(account=account_name, connector=connector_name, trading_pair=trading_pair)
    if dry_run:
        return relayed(await bus.command(RehearseFlatten(flatten=command), metadata, timeout=TIMEOUT))
    return relayed(await bus.command(command, metadata, timeout=FLATTEN_TIMEOUT))
