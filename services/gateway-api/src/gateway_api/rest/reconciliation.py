"""/trading/reconciliation: our executions against the exchanges' positions."""

from __future__ import annotations

from typing import Annotated

from contracts.trading.reconciliation import DifferenceStatus, GetReconciliation
from fastapi import APIRouter, Query
from starlette.responses import Response

from gateway_api.rest.answers import relayed
from gateway_api.rest.call import BASIC, AuthenticatedRoute, Bus, Reading
from gateway_api.rest.documented import COMMON, CURSOR_INVALID
from gateway_api.rest.fields import Texts
from gateway_api.views.reconciliation import DifferencePage

router = APIRouter(prefix="/trading", tags=["Trading"], route_class=AuthenticatedRoute, dependencies=[BASIC], responses=COMMON)

Accounts = Annotated[Texts, Query(description="Only these accounts; repeat the parameter.", examples=[["master_account"]])]
Connectors = Annotated[Texts, Query(description="Only these connectors; repeat it.", examples=[["binance_perpetual"]])]
Pairs = Annotated[Texts, Query(description="Only these trading pairs; repeat it.", examples=[["BTC-USDT"]])]
Status = Annotated[DifferenceStatus | None, Query(description="Only differences in this state.")]
Rows = Annotated[int, Query(ge=1, le=1000, description="Rows of a page.")]
Cursor = Annotated[str | None, Query(max_length=4096, description="`pagination.next_cursor` of the page before.")]


@router.get(
    "/reconciliation",
    response_model=DifferencePage,
    summary="Differences of positions, and unknown orders",
    responses=CURSOR_INVALID,
)
async def get_reconciliation(
    bus: Bus,
    metadata: Reading,
    account_names: Accounts = None,
    connector_names: Connectors = None,
    trading_pairs: Pairs = None,
    status: Status = None,
    limit: Rows = 100,
    cursor: Cursor = None,
) -> Response:
    """Every position that the exchange had otherwise than our executions explain, open and settled, and every order of
    unproven outcome, with the evidence.
    """
    query = GetReconciliation(
        limit=limit,
        cursor=cursor,
        account_names=account_names,
        connector_names=connector_names,
        trading_pairs=trading_pairs,
        status=status,
    )
    return relayed(await bus.query(query, metadata))
