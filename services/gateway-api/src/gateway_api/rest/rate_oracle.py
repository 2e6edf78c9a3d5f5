"""/rate-oracle: rates from one source, which the operator chooses (contract 8.10)."""

from __future__ import annotations

import json
from typing import Annotated, Any

from contracts.message import Metadata
from contracts.rates import ConfigureRates, GetRate, ListRatePrices, ListRateSources, RateSettings, ResolveRates
from contracts.rejections import Unavailable
from fastapi import APIRouter, Path
from pydantic import BaseModel, Field, StringConstraints
from starlette.responses import Response

from gateway_api.domain import problem
from gateway_api.rest.answers import JSON, refusal, relayed
from gateway_api.rest.call import BASIC, AuthenticatedRoute, Bus, Commanding, Reading
from gateway_api.rest.documented import COMMON, commanded, refused
from gateway_api.rest.fields import Text
from gateway_api.rest.rate_settings import rate_settings
from gateway_api.rest.rates import NO_SOURCE, TIMEOUT, Pairs
from gateway_api.rest.services import Services
from gateway_api.views.rates import RateConfigChanged, RateConfigWithSources, Rates, SingleRate, SourcePrices

NO_RATE = refused(404, "No route of known pairs leads from the one token to the other.")
TOLD = {"source": "Rate oracle source", "quote_token": "Global token", "quote_symbol": "Global token symbol"}
"""What a change is called in the message."""

Pair = Annotated[Text, Path(description="BASE-QUOTE, or a token alone for its rate in the quote token.", examples=["BTC-USDT"])]
Symbol = Annotated[str, StringConstraints(min_length=1, max_length=16, pattern=r"^[^\x00-\x1f\x7f]+$")]
Coin = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_]{1,64}$")]

router = APIRouter(
    prefix="/rate-oracle", tags=["Rate Oracle"], route_class=AuthenticatedRoute, dependencies=[BASIC], responses=COMMON
)


class RateRequest(BaseModel):
    """Which rates."""

    trading_pairs: Pairs


class SourceChoice(BaseModel):
    """Where rates come from."""

    name: Annotated[Text, Field(examples=["binance"])] = "gate_io"


class TokenChoice(BaseModel):
    """The quote token and its symbol; what is left out stays as it is."""

    global_token_name: Annotated[Coin, Field(examples=["USDT"])] | None = None
    global_token_symbol: Annotated[Symbol, Field(examples=["$"])] | None = None


class RateConfigRequest(BaseModel):
    """What is to change."""

    rate_oracle_source: SourceChoice | None = None
    global_token: TokenChoice | None = None


@router.get("/sources", response_model=list[str], summary="Sources of rates")
async def get_available_sources(bus: Bus, metadata: Reading) -> Response:
    """The names a source may have."""
    return relayed(await bus.query(ListRateSources(), metadata, timeout=TIMEOUT))


@router.get("/config", response_model=RateConfigWithSources, summary="Source and quote token")
async def get_rate_oracle_config(bus: Bus, metadata: Reading) -> Response:
    """The operator's choice, and what may be chosen."""
    config = _config(await rate_settings(bus, metadata))
    return _json({**config, "available_sources": await _sources(bus, metadata)})


@router.put(
    "/config",
    response_model=RateConfigChanged,
    summary="Choose source and quote token",
    responses={**commanded(), **refused(400, "There is no such source, or the Idempotency-Key is not 1 to 255 characters.")},
)
async def update_rate_oracle_config(body: RateConfigRequest, bus: Bus, metadata: Commanding) -> Response:
    """Holds for all requests from now on, and is kept."""
    source = None if body.rate_oracle_source is None else body.rate_oracle_source.name
    if source is not None:
        known = await _sources(bus, metadata)
        if source not in known:
            msg = f"There is no source of rates '{source}'; those there are: {', '.join(known)}"
            return Response(problem.problem(400, msg, "RateSourceUnknown"), 400, media_type=problem.MEDIA_TYPE)
    token = body.global_token or TokenChoice()
    command = ConfigureRates(source=source, quote_token=token.global_token_name, quote_symbol=token.global_token_symbol)
    answer = await bus.command(command, metadata)
    if answer.status >= 400:
        return refusal(answer)
    settings = RateSettings.model_validate_json(answer.body)
    told = [f"{TOLD[field]} set to {getattr(settings, field)}" for field in settings.changed]
    return _json({"success": True, "message": "; ".join(told) or "No changes made", "config": _config(settings)})


@router.post("/rates", response_model=Rates, summary="Rates of pairs", responses=NO_SOURCE)
async def get_oracle_rates(body: RateRequest, bus: Bus, metadata: Reading) -> Response:
    """From the chosen source; null where there is none, with the reason under `missing`."""
    chosen = await rate_settings(bus, metadata)
    query = ResolveRates(trading_pairs=body.trading_pairs, connector=chosen.source, quote_token=chosen.quote_token)
    return relayed(await bus.query(query, metadata, timeout=TIMEOUT))


@router.get("/rate/{trading_pair}", response_model=SingleRate, summary="The rate of a pair", responses={**NO_SOURCE, **NO_RATE})
async def get_single_rate(trading_pair: Pair, bus: Bus, metadata: Reading) -> Response:
    """Ten seconds old at most. 404 names the pair and what is missing."""
    return await _rate(trading_pair, bus, metadata, refresh=False)


@router.get(
    "/rate-async/{trading_pair}",
    response_model=SingleRate,
    summary="The rate of a pair, asked for anew",
    responses={**NO_SOURCE, **NO_RATE},
)
async def get_rate_async(trading_pair: Pair, bus: Bus, metadata: Reading) -> Response:
    """A second old at most."""
    return await _rate(trading_pair, bus, metadata, refresh=True)


@router.get("/prices", response_model=SourcePrices, summary="All prices of the source", responses=NO_SOURCE)
async def get_cached_prices(bus: Bus, metadata: Reading) -> Response:
    """The price of every pair the source has."""
    chosen = await rate_settings(bus, metadata)
    query = ListRatePrices(source=chosen.source, quote_token=chosen.quote_token)
    return relayed(await bus.query(query, metadata, timeout=TIMEOUT))


async def _rate(trading_pair: str, bus: Services, metadata: Metadata, *, refresh: bool) -> Response:
    chosen = await rate_settings(bus, metadata)
    query = GetRate(trading_pair=trading_pair, source=chosen.source, quote_token=chosen.quote_token, refresh=refresh)
    return relayed(await bus.query(query, metadata, timeout=TIMEOUT))


async def _sources(bus: Services, metadata: Metadata) -> list[str]:
    answer = await bus.query(ListRateSources(), metadata, timeout=TIMEOUT)
    if answer.status >= 400:
        raise Unavailable("The sources of rates cannot be listed now")
    found: list[str] = json.loads(answer.body)
    return found


def _config(settings: RateSettings) -> dict[str, Any]:
    return {
        "rate_oracle_source": {"name": settings.source},
        "global_token": {"global_token_name": settings.quote_token, "global_token_symbol": settings.quote_symbol},
    }


def _json(value: Any) -> Response:
    return Response(json.dumps(value), media_type=JSON)
