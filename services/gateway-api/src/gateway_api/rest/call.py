"""What every route needs: who calls, and the metadata under which the call goes to the services."""

from __future__ import annotations

import inspect
import json
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from decimal import Decimal
from typing import Annotated, Any, Never
from uuid import uuid4

from contracts.message import Metadata
from fastapi import Depends, FastAPI, Header, Request, Response, Security
from fastapi.routing import APIRoute
from fastapi.security import HTTPBasic
from pydantic import BaseModel, WithJsonSchema
from service_kit.telemetry import traceparent
from starlette.routing import BaseRoute

from gateway_api.domain.repeats import Kept
from gateway_api.rest import idempotency, nesting, repeated
from gateway_api.rest.credentials import user_of
from gateway_api.rest.direct import DirectCall
from gateway_api.rest.given import Given, filled
from gateway_api.rest.services import Gateway, Services, SystemHealth
from gateway_api.rest.trace import correlation_id

REFRESHING = frozenset({"/portfolio/state"})
"""Routes that take a command's metadata only to read from the exchanges first."""

LARGEST_EXPONENT = 308
SMALLEST_EXPONENT = -330


class ExactRequest(Request):
    """A request whose JSON numbers keep every digit (Decimal, no float) and whose NaN and Infinity are not JSON."""

    async def json(self) -> Any:
        """The parsed body; json.JSONDecodeError when it is not JSON."""
        if not hasattr(self, "_json"):
            body = await self.body()
            nesting.check(body, _gateway(self).bounds.depth)
            try:
                parsed = json.loads(body, parse_float=_exact, parse_constant=_not_json)
            except UnicodeDecodeError as error:
                msg = "not UTF-8"
                raise json.JSONDecodeError(msg, "", error.start) from error
            # FastAPI reads models from attributes too: a Decimal is an object, and would be a model with defaults only.
            self._json = float(parsed) if isinstance(parsed, Decimal) else parsed
        return self._json


class NamedRoute(APIRoute):
    """A route whose function's name is its operation id."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        options["generate_unique_id_function"] = _operation_id
        self.given_endpoint = endpoint
        super().__init__(path, filled(endpoint), **options)


def _operation_id(route: APIRoute) -> str:
    return route.name


class AuthenticatedRoute(NamedRoute):
    """A route that reads nothing of a request before it knows who sent it: 401 wins over 422, malformed JSON included."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        super().__init__(path, endpoint, **options)
        parameters = inspect.signature(endpoint, eval_str=True).parameters.values()
        self.reading = path in REFRESHING or any(each.annotation is Reading for each in parameters)
        """Whether it changes nothing, whatever its method: such requests are not told in the log."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The route's handler behind the authentication."""
        handle = super().get_route_handler()
        single = repeated.single(self.dependant)

        async def authenticated(request: Request) -> Response:
            await _known(request)
            repeated.check(request, single)
            exact = ExactRequest(request.scope, request.receive)
            key = request.headers.get(idempotency.HEADER) if self._commanding else None
            return await handle(exact) if key is None else await _once(exact, key, handle)

        return authenticated

    @property
    def _commanding(self) -> bool:
        return any(each.call is _commanding for each in self.dependant.dependencies)


async def _known(request: Request) -> None:
    """Lets the request pass whose sender is known, or was found to be known on the short way."""
    if not hasattr(request.state, "user"):
        request.state.user = await _authenticate(request)


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
    gateway = _gateway(request)
    username = await user_of(gateway, request.headers.get("authorization", ""), request.state.client)
    request.state.allowance = gateway.limits.take("user", username)
    return username


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


_DECODER = json.JSONDecoder(parse_float=_exact, parse_constant=_not_json)


def _exact_json(body: bytes) -> Any:
    """The parsed body; ValueError when it is not JSON in UTF-8."""
    return _DECODER.decode(body.decode())


def _gateway(request: Request) -> Gateway:
    gateway: Gateway = request.app.state.gateway
    return gateway


def _reading(request: Request) -> Metadata:
    return Metadata(
        actor=request.state.user, correlation_id=correlation_id(request.state.request_id), traceparent=traceparent()
    )


async def _commanding(
    request: Request,
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
    return _command(request, idempotency.checked(key) if key is not None else str(uuid4()))


def _command(request: Request, used: str) -> Metadata:
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


def direct_calls(app: FastAPI) -> Iterator[tuple[BaseRoute, str, str, DirectCall]]:
    """(route, method, path, call) of the routes that can be called without FastAPI; see `direct`."""
    for route in app.routes:
        if isinstance(route, AuthenticatedRoute) and not route.param_convertors:
            call = _direct_call(route.given_endpoint)
            if call is not None:
                yield from ((route, method, route.path, call) for method in route.methods or ())


def _direct_call(endpoint: Callable[..., Awaitable[Response]]) -> DirectCall | None:
    """How to call an endpoint whose parameters are all `Given`, a command's metadata, or one body; None for others."""
    makers: dict[str, Callable[[Request], Any]] = {}
    body: tuple[str, type[BaseModel]] | None = None
    for name, parameter in inspect.signature(endpoint, eval_str=True).parameters.items():
        marks = getattr(parameter.annotation, "__metadata__", ())
        given = next((mark for mark in marks if isinstance(mark, Given)), None)
        if given is not None:
            makers[name] = given.make
        elif parameter.annotation is Commanding:
            makers[name] = _new_command
        elif body is None and isinstance(parameter.annotation, type) and issubclass(parameter.annotation, BaseModel):
            body = name, parameter.annotation
        else:
            return None
    return DirectCall(endpoint, makers, body, _known, _exact_json)


def _new_command(request: Request) -> Metadata:
    """The metadata of a command without an Idempotency-Key: one is made."""
    return _command(request, str(uuid4()))
