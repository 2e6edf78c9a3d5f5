"""The short way of plain requests and FastAPI's way answer alike."""

from __future__ import annotations

import socket

import httpx
import pytest
from fake_services import FakeServices
from fastapi import FastAPI
from gateway_api.adapters.web_server import Listening, WebServer
from gateway_api.handlers.authentication import Authenticator
from gateway_api.rest import call
from gateway_api.rest.application import routes
from gateway_api.rest.call import direct_calls
from starlette.types import ASGIApp
from test_authentication import CountingVerifier
from test_routes import ORDER_BODY

MADE = {"x-request-id", "idempotency-key", "ratelimit"}


def test_reads_and_placing_take_the_short_way() -> None:
    short = {(method, path) for _, method, path, _ in direct_calls(routes())}
    assert short >= {
        ("GET", "/accounts/"),
        ("POST", "/portfolio/state"),
        ("POST", "/trading/orders"),
        ("POST", "/trading/orders/search"),
    }


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/portfolio/state", b"{}"),
        ("/portfolio/state", b'{"account_names": ["master_account"]}'),
        ("/portfolio/state", b'{"account_names": 7}'),
        ("/portfolio/state", b"{"),
        ("/portfolio/state", b"[]"),
        ("/portfolio/state", b"null"),
        ("/portfolio/state", b""),
        ("/portfolio/state", b'\xef\xbb\xbf{"refresh": false}'),
        ("/portfolio/state", b"\xff"),
        ("/trading/orders/search", b'{"limit": 1e999}'),
        ("/trading/orders/search", b'{"limit": NaN}'),
        ("/trading/orders/search", b"[" * 100_000),
        ("/trading/orders/search", b'{"limit": 2, "status": "OPEN", "unknown": 1}'),
        ("/trading/orders", b'{"amount": 1}'),
    ],
)
async def test_both_ways_answer_alike(http: httpx.AsyncClient, services: FakeServices, path: str, body: bytes) -> None:
    answers = []
    for kind in ("application/json", "application/json;  charset=utf-8"):
        response = await http.post(path, content=body, headers={"content-type": kind})
        told = [(name, value) for name, value in response.headers.raw if name.decode().lower() not in MADE]
        answers.append((response.status_code, sorted(told), response.content))
    assert answers[0] == answers[1]
    sent = [each.message for each in services.sent]
    assert sent[: len(sent) // 2] == sent[len(sent) // 2 :]


async def test_a_body_that_does_not_fit_counts_once(http: httpx.AsyncClient) -> None:
    left = []
    for _ in range(2):
        response = await http.post("/portfolio/state", json={"account_names": 7})
        assert response.status_code == 422
        left.append(int(response.headers["ratelimit"].split(";r=")[1].split(";")[0]))
    assert left[1] >= left[0] - 1


@pytest.mark.parametrize("content", [b"{}", b'{"account_names": 7}', b"{"])
async def test_who_is_not_known_is_told_nothing_of_the_body(anonymous: httpx.AsyncClient, content: bytes) -> None:
    response = await anonymous.post("/portfolio/state", content=content, headers={"content-type": "application/json"})
    assert response.status_code == 401
    assert response.headers["www-authenticate"] == "Basic"


async def test_a_bug_on_the_short_way_is_a_500_with_a_trace(
    http: httpx.AsyncClient, services: FakeServices, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(call, "correlation_id", lambda _: 1 / 0)
    response = await http.get("/accounts/")
    assert (response.status_code, response.json()["detail"]) == (500, "Internal error")
    assert len(response.json()["trace_id"]) == 32
    assert response.headers["x-content-type-options"] == "nosniff"


async def test_a_body_that_is_too_large_is_refused(http: httpx.AsyncClient) -> None:
    response = await http.post("/portfolio/state", content=b" " * 600_000, headers={"content-type": "application/json"})
    assert response.status_code == 413


async def test_a_header_is_known_as_long_as_its_verdict() -> None:
    now = 0.0
    authenticator = Authenticator("user", CountingVerifier("pw"), ttl=300, remembered=3, clock=lambda: now)
    authenticator.remember(b"Basic never verified", "user", "pw")
    assert authenticator.known(b"Basic never verified") is None
    assert await authenticator.authenticate("user", "pw")
    assert not await authenticator.authenticate("user", "no")
    authenticator.remember(b"Basic right", "user", "pw")
    authenticator.remember(b"Basic wrong", "user", "no")
    assert authenticator.known(b"Basic right") == "user"
    assert authenticator.known(b"Basic wrong") is None
    now = 301
    assert authenticator.known(b"Basic right") is None


async def test_what_the_web_server_receives_takes_the_short_way(
    http: httpx.AsyncClient, served: ASGIApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def not_this_way(*_: object) -> None:
        pytest.fail("FastAPI was asked")

    monkeypatch.setattr(FastAPI, "__call__", not_this_way)
    server = WebServer(served, Listening("127.0.0.1", port := free_port()))
    await server.start()
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", auth=http.auth) as client:
            assert (await client.post("/trading/orders", json=ORDER_BODY)).status_code == 201
            assert (await client.post("/trading/orders/search", json={"limit": 2})).status_code == 200
            assert (await client.get("/accounts/")).status_code == 200
    finally:
        await server.stop()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
