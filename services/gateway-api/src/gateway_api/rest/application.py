"""The ASGI application: routes, errors, documentation and what is around them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI
from service_kit.metrics import Metrics
from service_kit.telemetry import Tracing
from starlette.middleware.errors import ServerErrorMiddleware
from starlette.routing import WebSocketRoute
from starlette.types import ASGIApp

from gateway_api.rest import (
    accounts,
    connectors,
    documentation,
    errors,
    executors,
    graph,
    health,
    idempotency,
    market_data,
    order_books,
    portfolio,
    positions,
    rate_oracle,
    rates,
    reconciliation,
    risk,
    tracked_books,
    trading,
)
from gateway_api.rest.call import direct_calls
from gateway_api.rest.clients import Clients
from gateway_api.rest.direct import Direct
from gateway_api.rest.guard import Guard, Origins
from gateway_api.rest.middleware import REQUEST_ID, BrowsersOnly, OptionalTrailingSlash, RequestContext
from gateway_api.rest.services import Gateway
from gateway_api.rest.traffic import Traffic

FAMILIES = (
    health.router,
    accounts.router,
    connectors.router,
    portfolio.router,
    trading.router,
    positions.router,
    reconciliation.router,
    executors.router,
    risk.router,
    graph.router,
    market_data.router,
    order_books.router,
    tracked_books.router,
    rates.router,
    rate_oracle.router,
)
EXPOSED = (
    REQUEST_ID,
    idempotency.HEADER,
    idempotency.REPLAYED,
    "Retry-After",
    portfolio.REFRESH_FAILED,
    positions.LAST_KNOWN,
)
"""The headers that web pages may read."""


@dataclass(frozen=True)
class Cors:
    """Which web pages may call the API; an empty regular expression allows none beyond `allow_origins`."""

    allow_origins: tuple[str, ...] = ()
    allow_origin_regex: str = ""
    allow_credentials: bool = True
    allow_methods: tuple[str, ...] = ("*",)
    allow_headers: tuple[str, ...] = ("*",)


def application(
    gateway: Gateway,
    cors: Cors,
    tracing: Tracing,
    traffic: Traffic | None = None,
    clients: Clients | None = None,
    sockets: Iterable[WebSocketRoute] = (),
) -> ASGIApp:
    """What the web server serves."""
    app = routes()
    app.state.gateway = gateway
    app.router.routes.extend(sockets)
    slashed = [path for path in app.openapi()["paths"] if path.endswith("/")]
    direct = Direct(app, app, direct_calls(app), gateway.bounds.depth)
    # A bug on the short way is answered as FastAPI's own middleware answers one on the long way.
    served: ASGIApp = OptionalTrailingSlash(ServerErrorMiddleware(direct, errors.bug), slashed)
    served = BrowsersOnly(
        served,
        allow_origins=cors.allow_origins,
        allow_origin_regex=cors.allow_origin_regex or None,
        allow_credentials=cors.allow_credentials,
        allow_methods=cors.allow_methods,
        allow_headers=cors.allow_headers,
        expose_headers=EXPOSED,
    )
    return RequestContext(
        Guard(
            served,
            gateway.limits,
            gateway.bounds,
            Origins(cors.allow_origins, cors.allow_origin_regex),
            clients or Clients(),
        ),
        tracing,
        traffic or Traffic(Metrics()),
    )


def routes() -> FastAPI:
    """The routes with their documentation; the gateway's parts are attached by `application`."""
    app = FastAPI(
        title=documentation.TITLE,
        version=health.COMPATIBLE_VERSION,
        description=documentation.DESCRIPTION,
        openapi_tags=documentation.TAGS,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    for family in FAMILIES:
        # Not `include_router`: it matches every path twice, once for the family and once in it.
        app.router.routes.extend(family.routes)
    errors.install(app)
    documentation.install(app)
    return app


def openapi() -> dict[str, Any]:
    """The OpenAPI document."""
    return routes().openapi()
