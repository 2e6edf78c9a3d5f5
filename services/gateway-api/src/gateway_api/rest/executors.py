"""/executors: the engine's strategies that run on the server, and the positions they kept."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any

from contracts.trading import (
    ClearPositionHold,
    CreateExecutor,
    ExecutorConfigInvalid,
    ExecutorStatus,
    ExecutorType,
    GetExecutor,
    GetExecutorConfigSchema,
    GetExecutorLogs,
    GetExecutorPerformance,
    GetPositionHold,
    ListExecutorTypes,
    SearchExecutors,
    StopExecutor,
    SummariseExecutors,
    SummarisePositionHolds,
)
from contracts.trading.executor_rehearsal import RehearseExecutor, RehearseStop
from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints
from starlette.responses import Response

from gateway_api.rest import rehearsal
from gateway_api.rest.answers import relayed
from gateway_api.rest.call import BASIC, AuthenticatedRoute, Bus, Commanding, Reading
from gateway_api.rest.documented import COMMON, CURSOR_INVALID, commanded, refused
from gateway_api.rest.fields import AccountNames, ConnectorName, ConnectorNames, Cursor, Flag, Limit, Text, Texts, TradingPairs
from gateway_api.rest.rehearsal import DryRun
from gateway_api.views.executors import (
    ClearedHold,
    CreateExecutorResponse,
    Executor,
    ExecutorConfigSchema,
    ExecutorLogs,
    ExecutorPage,
    ExecutorRehearsal,
    ExecutorsSummary,
    ExecutorTypes,
    PerformanceReport,
    PositionHold,
    PositionsSummary,
    StopExecutorResponse,
    StopRehearsal,
)

MASTER = "master_account"
CREATE_TIMEOUT = 40.0
"""Seconds: the first executor of a process waits until the engine's classes are loaded."""

router = APIRouter(
    prefix="/executors", tags=["Executors"], route_class=AuthenticatedRoute, dependencies=[BASIC], responses=COMMON
)

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
ExecutorId = Annotated[Text, Path(description="The `executor_id` that creating it answered.")]
TypeName = Annotated[Text, Path(description="As `/executors/types/available` lists it.", examples=["position_executor"])]
OfController = Annotated[Text | None, Query(description="Only those of this controller.", examples=["main"])]
HoldAccount = Annotated[Name, Query(description="Whose position.")]
HoldController = Annotated[Name, Query(description="The controller of the executors that kept it.")]
TradingPair = Annotated[Text, Path(description="The market of the position.", examples=["BTC-USDT"])]
UNKNOWN = refused(404, "No executor of this id.")
NO_HOLD = refused(404, "No position is held there.")


def _upper(value: Any) -> Any:
    return value.upper() if isinstance(value, str) else value


def _storable(value: Any) -> Any:
    """Decimal numbers as text, at any depth: no digit is lost on the way to the engine.

    Raises ExecutorConfigInvalid for text
    that no database holds.
    """
    match value:
        case Decimal():
            return format(value, "f")
        case str() if any(each == "\0" or "\ud800" <= each <= "\udfff" for each in value):
            raise ExecutorConfigInvalid("Text must be valid Unicode without NUL", field="executor_config")
        case dict():
            return {_storable(key): _storable(each) for key, each in value.items()}
        case list():
            return [_storable(each) for each in value]
        case _:
            return value


class CreateExecutorRequest(BaseModel):
    """An executor to run. `GET /executors/types/{executor_type}/config` tells the fields of `executor_config`."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "account_name": "master_account",
                "controller_id": "main",
                "executor_config": {
                    "type": "position_executor",
                    "connector_name": "binance",
                    "trading_pair": "BTC-USDT",
                    "side": "BUY",
                    "amount": "0.001",
                    "triple_barrier_config": {"stop_loss": "0.02", "take_profit": "0.03"},
                },
            }
        }
    )

    account_name: Name | None = Field(default=None, description="By default `master_account`.")
    controller_id: Name = Field(default="main", description="Whose profit it is; any name.")
    executor_config: dict[str, Any] = Field(
        description="The engine's configuration with its `type`. An `id` becomes the executor's; numbers may be decimal text."
    )


class ExecutorFilterRequest(BaseModel):
    """Which executors; without filters all, newest first."""

    limit: Limit = 100
    cursor: Cursor = None
    account_names: AccountNames = None
    connector_names: ConnectorNames = None
    trading_pairs: TradingPairs = None
    executor_types: Annotated[tuple[ExecutorType, ...], Field(max_length=1000)] | None = Field(
        default=None, description="Only these types."
    )
    status: Annotated[ExecutorStatus, BeforeValidator(_upper)] | None = Field(default=None, description="Only in this state.")
    controller_ids: Annotated[Texts, Field(description="Only of these controllers.", examples=[["main"]])] = None


class StopExecutorRequest(BaseModel):
    """How it ends."""

    keep_position: Flag = Field(default=False, description="Keep what it bought or sold as a position hold; else it is closed.")


CLOSING = StopExecutorRequest()
"""What a stop without a body asks for."""


@router.post(
    "/",
    status_code=201,
    response_model=CreateExecutorResponse,
    summary="Start an executor",
    openapi_extra=rehearsal.DOCUMENTED,
    responses={
        200: {"model": ExecutorRehearsal, "description": "With `dry_run=true`: the executor would be stored."},
        **commanded("An executor of this id exists with another configuration."),
        **refused(400, "No or an unknown type, or a configuration the engine refuses; the detail names field and rule."),
        **refused(404, "No account of this name, or it has no credential for a connector."),
    },
)
async def create_executor(wanted: CreateExecutorRequest, bus: Bus, metadata: Commanding, dry_run: DryRun) -> Response:
    """Stores the executor and answers; it runs where the account's session is, and goes on after a crash or a restart.

    On a perpetual market, a `leverage` in the configuration is set before the first order; without one, what was set stays.

    503: the session is not ready, or an `lp_executor` without a DEX Gateway; nothing was stored.
    """
    command = CreateExecutor(
        account=wanted.account_name or MASTER,
        controller_id=wanted.controller_id,
        executor_config=_storable(wanted.executor_config),
    )
    if dry_run:
        return relayed(await bus.command(RehearseExecutor(executor=command), metadata, timeout=CREATE_TIMEOUT))
    return relayed(await bus.command(command, metadata, timeout=CREATE_TIMEOUT), 201)


@router.post("/search", response_model=ExecutorPage, summary="Executors", responses=CURSOR_INVALID)
async def list_executors(filters: ExecutorFilterRequest, bus: Bus, metadata: Reading) -> Response:
    """A page of all executors, newest first; `pagination.next_cursor` leads to the next one."""
    return relayed(await bus.query(SearchExecutors.model_validate(filters.model_dump()), metadata))


@router.get("/summary", response_model=ExecutorsSummary, summary="Active executors in sum")
async def get_executors_summary(bus: Bus, metadata: Reading) -> Response:
    """How many have not ended, and what they have earned and traded so far."""
    return relayed(await bus.query(SummariseExecutors(), metadata))


@router.get("/performance", response_model=PerformanceReport, summary="Performance")
async def get_performance_report(bus: Bus, metadata: Reading, controller_id: OfController = None) -> Response:
    """Of all executors, or of one controller's: profit, fees, volume, and how often they won."""
    return relayed(await bus.query(GetExecutorPerformance(controller_id=controller_id), metadata))


@router.get("/types/available", response_model=ExecutorTypes, summary="Types of executors")
async def get_available_executor_types(bus: Bus, metadata: Reading) -> Response:
    """The engine's eight types and what they are for."""
    return relayed(await bus.query(ListExecutorTypes(), metadata))


@router.get(
    "/types/{executor_type}/config",
    response_model=ExecutorConfigSchema,
    summary="Fields of a type's configuration",
    responses=refused(404, "No type of this name."),
)
async def get_executor_config_schema(executor_type: TypeName, bus: Bus, metadata: Reading) -> Response:
    """As the engine's own classes define them."""
    query = GetExecutorConfigSchema(executor_type=executor_type)
    return relayed(await bus.query(query, metadata, timeout=CREATE_TIMEOUT))


@router.get("/positions/summary", response_model=PositionsSummary, summary="Positions held")
async def get_positions_summary(bus: Bus, metadata: Reading, controller_id: OfController = None) -> Response:
    """What executors kept when they ended."""
    return relayed(await bus.query(SummarisePositionHolds(controller_id=controller_id), metadata))


@router.get(
    "/positions/{connector_name}/{trading_pair}", response_model=PositionHold, summary="One position held", responses=NO_HOLD
)
async def get_position_held(
    connector_name: ConnectorName,
    trading_pair: TradingPair,
    bus: Bus,
    metadata: Reading,
    account_name: HoldAccount = MASTER,
    controller_id: HoldController = "main",
) -> Response:
    """What executors of a controller kept on one market."""
    query = GetPositionHold(
        account=account_name, connector=connector_name, trading_pair=trading_pair, controller_id=controller_id
    )
    return relayed(await bus.query(query, metadata))


@router.delete(
    "/positions/{connector_name}/{trading_pair}",
    response_model=ClearedHold,
    summary="Clear a position held",
    responses={**commanded(), **NO_HOLD},
)
async def clear_position_held(
    connector_name: Annotated[Name, Path(description="As `/connectors/` lists it.", examples=["binance"])],
    trading_pair: TradingPair,
    bus: Bus,
    metadata: Commanding,
    account_name: HoldAccount = MASTER,
    controller_id: HoldController = "main",
) -> Response:
    """Forgets the position, for instance because it was closed elsewhere; nothing is traded."""
    command = ClearPositionHold(
        account=account_name, connector=connector_name, trading_pair=trading_pair, controller_id=controller_id
    )
    return relayed(await bus.command(command, metadata))


@router.get("/{executor_id}", response_model=Executor, summary="One executor", responses=UNKNOWN)
async def get_executor(executor_id: ExecutorId, bus: Bus, metadata: Reading) -> Response:
    """Its configuration, state and figures."""
    return relayed(await bus.query(GetExecutor(executor_id=executor_id), metadata))


@router.get("/{executor_id}/logs", response_model=ExecutorLogs, summary="An executor's log")
async def get_executor_logs(
    executor_id: ExecutorId,
    bus: Bus,
    metadata: Reading,
    level: Annotated[Text | None, Query(description="Only lines of this level.", examples=["ERROR"])] = None,
    limit: Annotated[int, Query(ge=1, le=1000, description="Lines of a page.")] = 50,
    after: Annotated[
        int | None, Query(ge=0, le=2**63 - 1, description="`cursor` of an earlier answer: the lines that follow.")
    ] = None,
) -> Response:
    """The newest lines, or those after a cursor, newest last; none for an unknown executor. The last 5000 are kept."""
    return relayed(await bus.query(GetExecutorLogs(executor_id=executor_id, level=level, limit=limit, after=after), metadata))


@router.post(
    "/{executor_id}/stop",
    response_model=StopExecutorResponse | StopRehearsal,
    summary="Stop an executor",
    openapi_extra=rehearsal.DOCUMENTED,
    responses={**commanded(), **refused(404, "No executor of this id, or it has ended.")},
)
async def stop_executor(
    executor_id: ExecutorId, bus: Bus, metadata: Commanding, dry_run: DryRun, wish: StopExecutorRequest = CLOSING
) -> Response:
    """Stores the wish. It cancels its orders and closes what it opened, or keeps it, and then shows as TERMINATED."""
    if dry_run:
        rehearsed = RehearseStop(executor_id=executor_id, keep_position=wish.keep_position)
        return relayed(await bus.command(rehearsed, metadata))
    command = StopExecutor(executor_id=executor_id, keep_position=wish.keep_position)
    return relayed(await bus.command(command, metadata))
