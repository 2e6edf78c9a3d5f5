"""/trading: positions of derivatives, their mode and leverage, and funding."""

from __future__ import annotations

import json
from typing import Annotated

from contracts.rejections import Unavailable
from contracts.trading import (
    GetPositions,
    NotPerpetual,
    PositionMode,
    PositionModeUnsupported,
    ReadPositionMode,
    SearchFundingPayments,
    SetLeverage,
    SetPositionMode,
)
from contracts.trading.position import PERPETUAL
from contracts.trading.setting_rehearsal import RehearseLeverage, RehearsePositionMode
from fastapi import APIRouter
from pydantic import BaseModel, BeforeValidator, Field
from starlette.responses import Response

from gateway_api.rest import rehearsal
from gateway_api.rest.answers import JSON, refusal, relayed
from gateway_api.rest.call import BASIC, AuthenticatedRoute, Bus, Commanding, Reading
from gateway_api.rest.documented import COMMON, CURSOR_INVALID, commanded, refused
from gateway_api.rest.fields import (
    AccountName,
    AccountNames,
    ConnectorName,
    ConnectorNames,
    Cursor,
    From,
    Limit,
    Text,
    Until,
    json_integer,
)
from gateway_api.rest.rehearsal import DryRun
from gateway_api.rest.services import Answer
from gateway_api.views.positions import FundingPage, PositionModeResponse, PositionPage, SettingRehearsal, SettingResponse

router = APIRouter(prefix="/trading", tags=["Trading"], route_class=AuthenticatedRoute, dependencies=[BASIC], responses=COMMON)

LAST_KNOWN = "X-Last-Known"
SETTING_TIMEOUT = 30.0
MODE_TIMEOUT = 5.0
NO_SESSION = refused(404, "No account of this name, or it has no credential for the connector.")
NOT_SET = refused(400, "Not a perpetual connector, not a value it knows, or the exchange refused it; nothing was changed.")


class PositionFilterRequest(BaseModel):
    """Which positions; without filters all."""

    limit: Limit = 100
    cursor: Cursor = None
    account_names: AccountNames = None
    connector_names: ConnectorNames = None


class FundingPaymentFilterRequest(PositionFilterRequest):
    """Which funding payments; without filters all, newest first."""

    start_time: From = None
    end_time: Until = None
    trading_pair: Text | None = Field(default=None, description="Only of this trading pair.", examples=["BTC-USDT"])


class PositionModeRequest(BaseModel):
    """The mode the account's positions are to be in."""

    position_mode: Text = Field(description="`HEDGE` or `ONEWAY`, in any case.", examples=["HEDGE"])


class LeverageRequest(BaseModel):
    """The leverage of a trading pair."""

    trading_pair: Text = Field(examples=["BTC-USDT"])
    leverage: Annotated[int, Field(ge=1, le=125, examples=[10]), BeforeValidator(json_integer)]


@router.post(
    "/positions",
    response_model=PositionPage,
    summary="Open positions",
    responses={
        **CURSOR_INVALID,
        200: {
            "headers": {
                LAST_KNOWN: {
                    "description": "The `account.connector`, comma separated, whose exchange did not answer in time: the page "
                    "has what they last reported.",
                    "schema": {"type": "string"},
                }
            }
        },
    },
)
async def get_positions(filters: PositionFilterRequest, bus: Bus, metadata: Reading) -> Response:
    """A page of what the exchanges hold for the accounts, asked from them now; a hedged pair has two rows."""
    answer = await bus.query(GetPositions.model_validate(filters.model_dump()), metadata)
    if answer.status >= 400:
        return refusal(answer)
    found = json.loads(answer.body)
    headers = {LAST_KNOWN: ",".join(found["last_known"])} if found["last_known"] else None
    return Response(json.dumps(found["page"]), headers=headers, media_type=JSON)


@router.post(
    "/{account_name}/{connector_name}/position-mode",
    response_model=SettingResponse | SettingRehearsal,
    summary="Set the position mode",
    openapi_extra=rehearsal.DOCUMENTED,
    responses={**commanded(), **NOT_SET, **NO_SESSION},
)
async def set_position_mode(
    account_name: AccountName,
    connector_name: ConnectorName,
    setting: PositionModeRequest,
    bus: Bus,
    metadata: Commanding,
    dry_run: DryRun,
) -> Response:
    """Changes the mode of the whole account and answers when the exchange has done it. Nothing else ever changes the mode."""
    wanted = setting.position_mode.upper()
    if wanted not in PositionMode:
        raise PositionModeUnsupported("position_mode: Input should be 'HEDGE' or 'ONEWAY'", field="position_mode")
    mode = PositionMode(wanted)

    def command() -> SetPositionMode:
        return SetPositionMode(account=account_name, connector=connector_name, position_mode=mode)

    if dry_run:
        rehearsing = await bus.session_command(
            account_name, connector_name, lambda: RehearsePositionMode(setting=command()), metadata
        )
        return relayed(rehearsing)
    answer = await bus.session_command(account_name, connector_name, command, metadata, timeout=SETTING_TIMEOUT)
    return _set(answer, f"Position mode set to {mode} on {connector_name}")


@router.get(
    "/{account_name}/{connector_name}/position-mode",
    response_model=PositionModeResponse,
    summary="The position mode",
    responses={**refused(400, "Not a perpetual connector."), **NO_SESSION},
)
async def get_position_mode(account_name: AccountName, connector_name: ConnectorName, bus: Bus, metadata: Reading) -> Response:
    """The mode that orders of the account are written in; `UNKNOWN` while its session does not run."""

    def command() -> ReadPositionMode:
        return ReadPositionMode(account=account_name, connector=connector_name)

    try:
        answer = await bus.session_command(account_name, connector_name, command, metadata, timeout=MODE_TIMEOUT)
    except Unavailable:
        if PERPETUAL not in connector_name:
            raise NotPerpetual(f"Connector '{connector_name}' is not a perpetual connector", field="connector_name") from None
        mode = None
    else:
        if answer.status >= 400:
            return refusal(answer)
        mode = json.loads(answer.body)["position_mode"]
    found = PositionModeResponse(position_mode=mode or "UNKNOWN", connector=connector_name, account=account_name)
    return Response(found.model_dump_json(), media_type=JSON)


@router.post(
    "/{account_name}/{connector_name}/leverage",
    response_model=SettingResponse | SettingRehearsal,
    summary="Set the leverage",
    openapi_extra=rehearsal.DOCUMENTED,
    responses={**commanded(), **NOT_SET, **NO_SESSION},
)
async def set_leverage(
    account_name: AccountName,
    connector_name: ConnectorName,
    setting: LeverageRequest,
    bus: Bus,
    metadata: Commanding,
    dry_run: DryRun,
) -> Response:
    """Changes the leverage of a trading pair and answers when the exchange has done it."""

    def command() -> SetLeverage:
        return SetLeverage(
            account=account_name, connector=connector_name, trading_pair=setting.trading_pair, leverage=setting.leverage
        )

    if dry_run:
        rehearsing = await bus.session_command(
            account_name, connector_name, lambda: RehearseLeverage(setting=command()), metadata
        )
        return relayed(rehearsing)
    answer = await bus.session_command(account_name, connector_name, command, metadata, timeout=SETTING_TIMEOUT)
    return _set(answer, f"Leverage for {setting.trading_pair} set to {setting.leverage} on {connector_name}")


@router.post("/funding-payments", response_model=FundingPage, summary="Funding payments", responses=CURSOR_INVALID)
async def get_funding_payments(filters: FundingPaymentFilterRequest, bus: Bus, metadata: Reading) -> Response:
    """A page of funding paid and received, newest first, those settled while nobody listened included."""
    return relayed(await bus.query(SearchFundingPayments.model_validate(filters.model_dump()), metadata))


def _set(answer: Answer, message: str) -> Response:
    """The contract's answer to a setting, or the session's refusal."""
    if answer.status >= 400:
        return refusal(answer)
    return Response(SettingResponse(message=message).model_dump_json(), media_type=JSON)
