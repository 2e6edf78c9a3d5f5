"""/graphql: documents over HTTP. What they may say, and how they are carried out, is the schema's business."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Annotated, Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from starlette.responses import Response

from gateway_api.rest.answers import JSON
from gateway_api.rest.call import BASIC, AuthenticatedRoute, Reading
from gateway_api.rest.documented import COMMON
from gateway_api.rest.given import Given
from gateway_api.rest.services import Gateway, Graph

PATH = "/graphql"
LONGEST = 64 * 1024
"""Characters of a document."""

router = APIRouter(tags=["GraphQL"], route_class=AuthenticatedRoute, dependencies=[BASIC], responses=COMMON)


class GraphRequest(BaseModel):
    """A document of queries; variables keep every digit of their numbers."""

    model_config = ConfigDict(
        populate_by_name=True,
        json_schema_extra={"example": {"query": "{ orders(first: 2) { nodes { orderId status } totalCount } }"}},
    )

    query: Annotated[str, StringConstraints(min_length=1, max_length=LONGEST)]
    variables: dict[str, Any] | None = None
    operation_name: str | None = Field(default=None, alias="operationName", max_length=255)


class GraphError(BaseModel):
    """An error; `extensions` holds `code`, the `field` and the `rule` that was broken."""

    message: str
    extensions: dict[str, Any]
    locations: list[dict[str, int]] | None = None
    path: list[str | int] | None = None


class GraphAnswer(BaseModel):
    """`data` where the document was carried out, `errors` where there are any."""

    data: dict[str, Any] | None = None
    errors: list[GraphError] | None = None


def _graph(request: Request) -> Graph:
    gateway: Gateway = request.app.state.gateway
    return gateway.graph


@router.post(
    PATH,
    response_model=GraphAnswer,
    response_model_exclude_unset=True,
    summary="Query",
    responses={400: {"model": GraphAnswer, "description": "The document is not valid, or over a limit; nothing was asked."}},
)
async def query_graph(document: GraphRequest, graph: Annotated[Graph, Given(_graph)], metadata: Reading) -> Response:
    """Carries out the queries of a document; the schema is told by introspection. Subscriptions go over a WebSocket here."""
    answer = await graph.execute(document.query, document.variables, document.operation_name, metadata)
    return Response(json.dumps(answer, default=text_of), 200 if "data" in answer else 400, media_type=JSON)


def text_of(value: Any) -> str:
    """Numbers inside of JSON scalars, exactly."""
    if isinstance(value, Decimal):
        return str(value)
    msg = f"{type(value).__name__} is not JSON"
    raise TypeError(msg)
