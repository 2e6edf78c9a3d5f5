"""The OpenAPI document and Swagger UI, both served without the internet."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, HTTPException
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.openapi.utils import get_openapi
from starlette.responses import HTMLResponse, Response

from gateway_api.adapters import swagger_ui
from gateway_api.rest.documented import REFERENCED, WITH_A_BODY

TITLE = "Hummingbus"
DESCRIPTION = """
Control plane for Hummingbot trading bots, compatible with the Hummingbot API and its official client.

- **Authentication** is HTTP Basic on everything except `/`, `/health` and this documentation.
- **Repeat safely**: send an `Idempotency-Key` with a request that changes something. The same key on the same route is
  carried out at most once, so after a timeout or a 503 the request can be sent again. Without one, a key is made and sent back.
- **Errors** are problem details (RFC 9457) with the contract's `detail`; requests that do not fit their schema are answered
  422 with a list of what does not fit.
- **Times** in requests are Unix milliseconds, or seconds when below 10^11. Money in `POST /trading/orders` is decimal text.
- Paths work with and without a trailing slash.
"""
TAGS = [
    {"name": "Health", "description": "Whether the system serves."},
    {"name": "Accounts", "description": "Accounts and their exchange credentials."},
    {"name": "Connectors", "description": "What the engine's connectors can do."},
    {"name": "Portfolio", "description": "Balances and their value, now and over time."},
    {"name": "Trading", "description": "Orders, executions and positions."},
    {"name": "GraphQL", "description": "The same nouns in one question; subscriptions over a WebSocket."},
    {"name": "Market Data", "description": "Candles of every connector: live, and their history from the store."},
    {"name": "Executors", "description": "The engine's strategies that run on the server, and the positions they kept."},
]


def document(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI 3.1 document, made once."""
    if app.openapi_schema is None:
        made = get_openapi(
            title=app.title, version=app.version, description=app.description, tags=app.openapi_tags, routes=app.routes
        )
        schemas = made["components"]["schemas"]
        for model in REFERENCED:
            schemas[model.__name__] = model.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas.pop("ValidationError", None)
        for operations in made["paths"].values():
            for method, operation in operations.items():
                if method not in {"get", "head"}:
                    operation["responses"] |= WITH_A_BODY
        app.openapi_schema = made
    return app.openapi_schema


def install(app: FastAPI) -> None:
    """Adds `/docs` and the files it needs."""
    app.openapi = lambda: document(app)  # type: ignore[method-assign]

    @app.get("/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        return get_swagger_ui_html(
            openapi_url="/openapi.json",
            title=f"{TITLE} - API",
            swagger_js_url="/docs/swagger-ui-bundle.js",
            swagger_css_url="/docs/swagger-ui.css",
            swagger_favicon_url="/docs/favicon-32x32.png",
            swagger_ui_parameters={"persistAuthorization": True, "displayRequestDuration": True},
        )

    @app.get("/docs/{name}", include_in_schema=False)
    async def docs_asset(name: str) -> Response:
        if name not in swagger_ui.MEDIA_TYPES:
            raise HTTPException(404)
        content, media_type = swagger_ui.asset(name)
        return Response(content, headers={"Cache-Control": "public, max-age=86400"}, media_type=media_type)
