"""What every route needs: who calls, and the metadata under which the call goes to the services."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Awaitable, Callable, Coroutine
from decimal import Decimal
from typing import Annotated, Any, Never
from uuid import uuid4

from contracts.message import Metadata
from fastapi import Depends, Header, HTTPException, Request, Response, Security
from fastapi.routing import APIRoute
from fastapi.security import HTTPBasic
from pydantic import WithJsonSchema
from service_kit.telemetry import traceparent

from gateway_api.domain.repeats import Kept
from gateway_api.rest import idempotency
from gateway_api.rest.given import Given, filled
from gateway_api.rest.guard import address
from gateway_api.rest.services import Gateway, Services, SystemHealth
from gateway_api.rest.trace import correlation_id

LARGEST_EXPONENT = 308
SMALLEST_EXPONENT = -330


class ExactRequest(Request):
    """A request whose JSON numbers keep every digit (Decimal, no float) and whose NaN and Infinity are not JSON."""

    async def json(self) -> Any:
        """The parsed body; json.JSONDecodeError when it is not JSON."""
        if not hasattr(self, "_json"):
            body = await self.body()
            try:
                self._json = json.loads(body, parse_float=_exact, parse_constant=_not_json)
            except UnicodeDecodeError as error:
                msg = "not UTF-8"
                raise json.JSONDecodeError(msg, "", error.start) from error
        return self._json


class NamedRoute(APIRoute):
    """A route whose function's name is its operation id."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        options["generate_unique_id_function"] = _operation_id
        super().__init__(path, filled(endpoint), **options)


def _operation_id(route: APIRoute) -> str:
    return route.name


class AuthenticatedRoute(NamedRoute):
    """A route that reads nothing of a request before it knows who sent it: 401 wins over 422, malformed JSON included."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The route's handler behind the authentication."""
        handle = super().get_route_handler()

        async def authenticated(request: Request) -> Response:
            request.state.user = await _authenticate(request)
            exact = ExactRequest(request.scope, request.receive)
            key = request.headers.get(idempotency.HEADER) if self._commanding else None
            return await handle(exact) if key is None else await _once(exact, key, handle)

        return authenticated

    @property
    def _commanding(self) -> bool:
        return any(each.call is _commanding for each in self.dependant.dependencies)


async def _once(request: Request, key: str, handle: Callable[[Request], Awaitable[Response]]) -> Response:
    """The answer of `handle`, or the one that was given to the same request before."""
    id_ = idempotency.command_id(request.state.user, request.method, request.url.path, idempotency.checked(key))
    request.state.idempotency_key = key
    sent = request.url.query.encode() + b"\n" + await request.body()

    async def carry_out() -> Kept:
        answer = await handle(request)
        headers = tuple((name, value) for name, value in answer.headers.items() if name != "content-length")
        return Kept(answer.status_code, headers, bytes(answer.body))

    kept, replayed = await _gateway(request).repeats.once(id_, sent, carry_out)
    return Response(kept.body, kept.status, {**dict(kept.headers), **({idempotency.REPLAYED: "true"} if replayed else {})})


class _DocumentedBasic(HTTPBasic):
    """Puts the scheme into the OpenAPI document; `AuthenticatedRoute` does the work."""

    async def __call__(self, request: Request) -> None:  # type: ignore[override]
        return None


BASIC = Security(
    _DocumentedBasic(
        scheme_name="HTTPBasic", description="The user and password printed at the first start, or set by the operator."
    )
)


async def _authenticate(request: Request) -> str:
    credentials = _basic_credentials(request.headers.get("authorization"))
    if credentials is None:
        raise _unauthorised("Not authenticated")
    username, password = credentials
    gateway, client = _gateway(request), address(request.scope)
    gateway.logins.check(username, client)
    if not await gateway.authenticator.authenticate(username, password):
        gateway.logins.failed(username, password, client)
        raise _unauthorised("Incorrect username or password")
    gateway.logins.succeeded(username, client)
    request.state.allowance = gateway.limits.take("user", username)
    return username


def _basic_credentials(header: str | None) -> tuple[str, str] | None:
    """User and password of a Basic header, in UTF-8 or Latin-1 (clients differ); None when it is not readable."""
    scheme, _, encoded = (header or "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        decoded = base64.b64decode(encoded.strip(), validate=True)
    except (ValueError, binascii.Error):
        return None
    try:
        text = decoded.decode()
    except UnicodeDecodeError:
        text = decoded.decode("latin-1")
    username, separator, password = text.partition(":")
    return (username, password) if separator else None


def _unauthorised(detail: str) -> HTTPException:
    return HTTPException(401, detail, headers={"WWW-Authenticate": "Basic"})


def _exact(text: str) -> Decimal:
    """The number with every digit. An exponent beyond a double's is refused: as an integer it would fill the memory."""
    number = Decimal(text)
    if number and not SMALLEST_EXPONENT <= number.adjusted() <= LARGEST_EXPONENT:
        msg = "Number out of range"
        raise json.JSONDecodeError(msg, text, 0)
    return number


def _not_json(constant: str) -> Never:
    msg = f"{constant} is not a JSON value"
    raise json.JSONDecodeError(msg, constant, 0)


def _gateway(request: Request) -> Gateway:
    gateway: Gateway = request.app.state.gateway
    return gateway


def _reading(request: Request) -> Metadata:
    return Metadata(
        actor=request.state.user, correlation_id=correlation_id(request.state.request_id), traceparent=traceparent()
    )


async def _commanding(
    request: Request,
    response: Response,
    key: Annotated[
        str | None,
        Header(
            alias=idempotency.HEADER,
            description="1 to 255 visible ASCII characters. The same key on the same route is carried out at most once.",
        ),
        WithJsonSchema(
            {"type": "string", "pattern": f"^{idempotency.KEY.pattern}$", "examples": ["5f3b7a62-rebalance-1"]},
        ),
    ] = None,
) -> Metadata:
    used = idempotency.checked(key) if key is not None else str(uuid4())
    request.state.idempotency_key = used
    return Metadata(
        message_id=idempotency.command_id(request.state.user, request.method, request.url.path, used),
        actor=request.state.user,
        correlation_id=correlation_id(request.state.request_id),
        traceparent=traceparent(),
    )


def _services(request: Request) -> Services:
    return _gateway(request).services


async def _health(request: Request) -> SystemHealth:
    return _gateway(request).health


Bus = Annotated[Services, Given(_services)]
"""The owning services."""

Health = Annotated[SystemHealth, Depends(_health)]
"""The health of the whole system."""

Reading = Annotated[Metadata, Given(_reading)]
"""The metadata of a query."""

Commanding = Annotated[Metadata, Depends(_commanding)]
"""The metadata of a command; its message id comes from the Idempotency-Key, or from a key made here and sent back."""
