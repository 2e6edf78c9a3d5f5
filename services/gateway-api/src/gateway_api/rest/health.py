"""/ and /health: open to everybody."""

from __future__ import annotations

import json

from fastapi import APIRouter
from starlette.responses import Response

from gateway_api.rest.answers import JSON
from gateway_api.rest.call import Health, NamedRoute
from gateway_api.views import health as shapes

router = APIRouter(route_class=NamedRoute, tags=["Health"])

COMPATIBLE_VERSION = "1.0.1"
"""The version of the Hummingbot API whose contract this server keeps."""

GREETING = json.dumps({"name": "Hummingbot API", "version": COMPATIBLE_VERSION, "status": "running"})


@router.get("/", response_model=shapes.Root, summary="Greeting")
async def root() -> Response:
    """That the server runs, and which API it is compatible with."""
    return Response(GREETING, media_type=JSON)


@router.get(
    "/health",
    response_model=shapes.SystemHealth,
    summary="Health of the whole system",
    responses={503: {"model": shapes.SystemHealth, "description": "A service is not ready; the body says which and why."}},
)
async def health(system: Health) -> Response:
    """200 when every service is ready. The venue says whether orders go to the sandbox or to real exchanges."""
    ready, report = await system.report()
    return Response(json.dumps(report), 200 if ready else 503, {"Cache-Control": "no-store"}, media_type=JSON)
