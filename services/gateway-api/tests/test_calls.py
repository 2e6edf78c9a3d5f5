"""Ids of calls: request id, trace, idempotency key."""

from __future__ import annotations

import logging
from uuid import UUID

import httpx
import pytest
from fake_services import FakeServices, MemoryBucket
from gateway_api.rest.idempotency import command_id
from test_routes import ORDER_BODY


async def test_request_id_is_kept_or_made(http: httpx.AsyncClient, services: FakeServices) -> None:
    response = await http.get("/accounts/", headers={"X-Request-Id": "my-request"})
    assert response.headers["x-request-id"] == "my-request"
    first = services.last.metadata.correlation_id
    response = await http.get("/accounts/", headers={"X-Request-Id": "two words"})
    made = response.headers["x-request-id"]
    assert services.last.metadata.correlation_id == UUID(made) != first


async def test_errors_carry_a_request_id(anonymous: httpx.AsyncClient) -> None:
    for path in ("/accounts/", "/nothing"):
        assert (await anonymous.get(path)).headers["x-request-id"]


async def test_the_trace_continues(http: httpx.AsyncClient, services: FakeServices) -> None:
    await http.get("/accounts/", headers={"traceparent": f"00-{'a' * 32}-{'b' * 16}-01"})
    assert services.last.metadata.traceparent is not None
    assert services.last.metadata.traceparent.split("-")[1] == "a" * 32
    await http.get("/accounts/", headers={"traceparent": "rubbish"})
    assert services.last.metadata.traceparent.split("-")[1] not in {"a" * 32, "0" * 32}


async def test_the_same_key_is_the_same_command(http: httpx.AsyncClient, services: FakeServices, bucket: MemoryBucket) -> None:
    for path in ("/trading/orders", "/trading/orders/", "/trading/orders"):
        bucket.entries.clear()
        response = await http.post(path, json=ORDER_BODY, headers={"Idempotency-Key": "k-1"})
        assert response.headers["idempotency-key"] == "k-1"
    await http.post("/trading/orders", json=ORDER_BODY, headers={"Idempotency-Key": "k-2"})
    await http.post("/trading/orders", json=ORDER_BODY)
    ids = [sent.metadata.message_id for sent in services.sent]
    assert ids[0] == ids[1] == ids[2] == command_id("trader", "POST", "/trading/orders", "k-1")
    assert len(set(ids)) == 3


async def test_a_key_made_here_can_be_sent_again(http: httpx.AsyncClient, services: FakeServices) -> None:
    response = await http.post("/trading/orders", json=ORDER_BODY)
    await http.post("/trading/orders", json=ORDER_BODY, headers={"Idempotency-Key": response.headers["idempotency-key"]})
    assert services.sent[0].metadata.message_id == services.sent[1].metadata.message_id


def test_a_key_belongs_to_its_user_and_route() -> None:
    ids = {
        command_id("a", "POST", "/x", "k"),
        command_id("b", "POST", "/x", "k"),
        command_id("a", "DELETE", "/x", "k"),
        command_id("a", "POST", "/y", "k"),
        command_id("a", "POST", "/x", "l"),
    }
    assert len(ids) == 5


@pytest.mark.parametrize("key", ["", "two words", "x" * 256, "tab\there", "caf\u00e9"])
async def test_bad_keys_are_refused_by_name(http: httpx.AsyncClient, services: FakeServices, key: str) -> None:
    response = await http.post("/trading/orders", json=ORDER_BODY, headers={b"Idempotency-Key": key.encode()})
    assert response.status_code == 400
    assert "Idempotency-Key" in response.json()["detail"]
    assert services.sent == []


async def test_requests_are_logged_by_route_only(http: httpx.AsyncClient, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="gateway_api"):
        await http.post("/trading/private-name/binance/orders/o-1/cancel/", headers={"X-Request-Id": "r-1"})
    (record,) = caplog.records
    assert record.getMessage() == "POST /trading/{account_name}/{connector_name}/orders/{client_order_id}/cancel 200"
    assert record.__dict__["request_id"] == "r-1"


@pytest.mark.parametrize("path", ["/portfolio/state", "/trading/orders/search", "/portfolio/history"])
async def test_reading_is_not_told_in_the_log_whatever_its_method(
    http: httpx.AsyncClient, caplog: pytest.LogCaptureFixture, path: str
) -> None:
    with caplog.at_level(logging.INFO, logger="gateway_api"):
        assert (await http.post(path, json={})).status_code == 200
    assert caplog.records == []
