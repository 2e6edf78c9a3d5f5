"""How large a request may be and how long it may take to arrive, at the boundary; whose address counts."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from ipaddress import ip_network
from typing import Any

import httpx
import pytest
from gateway_api.domain.limits import Bounds
from gateway_api.rest.clients import Clients
from gateway_api.rest.guard import bounded as bounded_receive
from starlette.types import ASGIApp, Message, Scope

SEARCH = "/trading/orders/search"
JSON = {"content-type": "application/json"}
BODY, HEADERS, QUERY, DEPTH = 2000, 1500, 300, 5
"""The bounds of the narrow application."""


def authorization(client: httpx.AsyncClient) -> str:
    """The header with the client's credentials."""
    assert isinstance(client.auth, httpx.BasicAuth)
    return client.auth._auth_header


def padded(size: int) -> bytes:
    """A search of exactly `size` bytes."""
    return b"{}".ljust(size)


@pytest.mark.parametrize("headers", [{}, {"idempotency-key": "k1"}])
@pytest.mark.parametrize("way", ["whole", "in pieces"])
async def test_the_largest_body(bounded: httpx.AsyncClient, way: str, headers: dict[str, str]) -> None:
    async def pieces(content: bytes) -> AsyncIterator[bytes]:
        for at in range(0, len(content), 100):
            yield content[at : at + 100]

    for size, status in ((BODY, 200), (BODY + 1, 413)):
        content: Any = padded(size) if way == "whole" else pieces(padded(size))
        response = await bounded.post(SEARCH, content=content, headers={**JSON, **headers})
        assert response.status_code == status, response.text
    assert isinstance(response.json()["detail"], str)


async def test_the_largest_headers(bounded: httpx.AsyncClient) -> None:
    request = bounded.build_request("GET", "/accounts/", headers={"x-pad": ""})
    plain = (
        sum(len(name) + len(value) for name, value in request.headers.raw) + len("authorization") + len(authorization(bounded))
    )
    for size, status in ((HEADERS, 200), (HEADERS + 1, 431)):
        response = await bounded.get("/accounts/", headers={"x-pad": "x" * (size - plain)})
        assert response.status_code == status
    assert response.json()["code"] == "HeadersTooLarge"


async def test_the_longest_query(bounded: httpx.AsyncClient) -> None:
    for size, status in ((QUERY, 200), (QUERY + 1, 414)):
        response = await bounded.get(f"/accounts/?{'x' * size}")
        assert response.status_code == status
    assert response.json()["code"] == "QueryTooLong"


@pytest.mark.parametrize("headers", [{}, {"content-type": "application/json; charset=UTF-8"}])
@pytest.mark.parametrize("brackets", ["[]", "{}"])
async def test_the_deepest_json(bounded: httpx.AsyncClient, brackets: str, headers: dict[str, str]) -> None:
    opening, closing = ("[", "]") if brackets == "[]" else ('{"k":', "}")
    for depth in (DEPTH, DEPTH + 1):
        inner = opening * (depth - 1) + "1" + closing * (depth - 1)
        response = await bounded.post(SEARCH, content=f'{{"strange": {inner}}}', headers={**JSON, **headers})
        deep = depth > DEPTH
        assert response.status_code == (422 if deep else 200), response.text
    assert response.json()["detail"][0]["ctx"] == {"error": "Nested deeper than 5 levels"}


@pytest.mark.parametrize(
    "content",
    [
        '{"account_names": ["[[[[[[[[", "\\"[[[[[[[", "{{{{{{{{\\\\"]}',
        json.dumps({"strange": [[], [], [], [], [], [], {}, {}, {}, {}]}),
        '{"cursor": "[[[[[[[[[[',
    ],
)
async def test_brackets_in_texts_and_side_by_side_are_not_deep(bounded: httpx.AsyncClient, content: str) -> None:
    assert "deeper" not in (await bounded.post(SEARCH, content=content, headers=JSON)).text


async def test_a_hundred_thousand_brackets_cost_nothing(bounded: httpx.AsyncClient) -> None:
    response = await bounded.post(SEARCH, content="[" * 1999, headers=JSON)
    assert "deeper" in response.text
    assert (
        await bounded.post("/trading/orders", content="[" * 1999, headers={**JSON, "idempotency-key": "a"})
    ).status_code == 422


@pytest.mark.parametrize("first", [[], [{"type": "http.request", "body": b"{", "more_body": True}]])
@pytest.mark.parametrize("extra", [[], [(b"idempotency-key", b"k")]])
async def test_a_body_that_dribbles(
    narrow: ASGIApp, bounded: httpx.AsyncClient, first: list[Message], extra: list[tuple[bytes, bytes]]
) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", b"100"), (b"host", b"x"), *extra]
    headers.append((b"authorization", authorization(bounded).encode()))
    sent: list[Message] = []
    waiting = list(first)

    async def receive() -> Message:
        if waiting:
            return waiting.pop()
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: Message) -> None:
        sent.append(message)

    scope: Scope = {"type": "http", "method": "POST", "path": "/trading/orders", "query_string": b"", "headers": headers}
    scope |= {"scheme": "http", "client": ("127.0.0.1", 1), "server": ("x", 1), "root_path": "", "http_version": "1.1"}
    await narrow(scope, receive, send)
    assert sent[0]["status"] == 408
    assert (b"connection", b"close") in sent[0]["headers"]
    assert json.loads(sent[1]["body"]) == {"detail": "The body did not arrive in time"}


async def test_who_listens_after_the_body_is_not_late() -> None:
    """An answer in pieces may take longer than the body may: granian announces more after a whole body."""
    waiting: list[Message] = [{"type": "http.request", "body": b"{}", "more_body": True}]

    async def receive() -> Message:
        if waiting:
            return waiting.pop()
        await asyncio.sleep(0.1)
        return {"type": "http.disconnect"}

    given = bounded_receive(receive, Bounds(body_milliseconds=20), announced=2)
    assert (await given())["body"] == b"{}"
    assert (await given())["type"] == "http.disconnect"


async def test_every_bound_is_documented(bounded: httpx.AsyncClient) -> None:
    document = (await bounded.get("/openapi.json")).json()
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            if path in {"/", "/health"}:
                continue
            documented = {"401", "403", "414", "422", "429", "431", "503"} | ({"408", "413"} if method == "post" else set())
            assert documented <= set(operation["responses"]), (method, path)


async def test_every_list_in_a_request_is_bounded(bounded: httpx.AsyncClient) -> None:
    document = (await bounded.get("/openapi.json")).json()
    schemas = document["components"]["schemas"]
    asked = [
        each["schema"]
        for operations in document["paths"].values()
        for operation in operations.values()
        for each in (*operation.get("parameters", ()), *operation.get("requestBody", {}).get("content", {}).values())
    ]
    asked += [schemas[each["$ref"].rpartition("/")[2]] for each in asked if "$ref" in each]
    lists = [each for schema in asked for each in nested(schema) if each.get("type") == "array"]
    assert lists
    assert all("maxItems" in each for each in lists), lists


def nested(schema: Any) -> list[dict[str, Any]]:
    """Every schema in a schema."""
    if isinstance(schema, list):
        return [each for item in schema for each in nested(item)]
    if not isinstance(schema, dict):
        return []
    return [schema, *(each for value in schema.values() for each in nested(value))]


PROXIES = Clients([ip_network("10.0.0.0/8"), ip_network("::1/128")])


def seen(clients: Clients, peer: str, *forwarded: str) -> str:
    headers = [(b"x-forwarded-for", each.encode()) for each in forwarded]
    return clients.address({"type": "http", "client": (peer, 1), "headers": headers})


@pytest.mark.parametrize(
    ("clients", "peer", "forwarded", "address"),
    [
        (Clients(), "10.0.0.1", ["203.0.113.9"], "10.0.0.1"),
        (PROXIES, "192.0.2.1", ["203.0.113.9"], "192.0.2.1"),
        (PROXIES, "10.0.0.1", [], "10.0.0.1"),
        (PROXIES, "10.0.0.1", ["203.0.113.9"], "203.0.113.9"),
        (PROXIES, "10.0.0.1", ["198.51.100.1, 203.0.113.9"], "203.0.113.9"),
        (PROXIES, "10.0.0.1", ["198.51.100.1", "203.0.113.9, 10.3.2.1"], "203.0.113.9"),
        (PROXIES, "10.0.0.1", ["10.0.0.7, 10.0.0.8"], "10.0.0.7"),
        (PROXIES, "10.0.0.1", ["unknown"], "10.0.0.1"),
        (PROXIES, "10.0.0.1", ["203.0.113.9, not an address, 10.0.0.2"], "10.0.0.2"),
        (PROXIES, "::1", ["2001:db8::5"], "2001:db8::5"),
    ],
)
def test_whose_address_counts(clients: Clients, peer: str, forwarded: list[str], address: str) -> None:
    assert seen(clients, peer, *forwarded) == address
