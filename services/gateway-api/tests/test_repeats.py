"""The same Idempotency-Key again: the same answer, 422 for another request, 409 while the first one runs."""

from __future__ import annotations

import asyncio
import json

import httpx
import pytest
from contracts import naming
from contracts.rejections import Unavailable
from contracts.trading import OrderIdReused, OrderRateExceeded
from fake_services import FakeServices, MemoryBucket
from gateway_api.domain.repeats import Kept, KeyReused, StillRunning
from gateway_api.handlers import repeats
from gateway_api.handlers.repeats import Repeats
from gateway_api.rest.idempotency import command_id
from service_kit.buckets import Bucket
from service_kit.bus import Bus, NoAnswer, Response
from test_routes import ORDER_BODY

KEY = {"Idempotency-Key": "k-1"}
ID = command_id("u", "POST", "/x", "k")
ANSWER = Kept(201, (("content-type", "application/json"),), b"{}")


async def test_the_same_request_gets_the_same_answer(http: httpx.AsyncClient, services: FakeServices) -> None:
    first = await http.post("/trading/orders", json=ORDER_BODY, headers=KEY)
    services.answers["PlaceOrder"] = {"order_id": "another"}
    again = await http.post("/trading/orders/", json=ORDER_BODY, headers=KEY)
    assert (again.status_code, again.content) == (first.status_code, first.content) == (201, first.content)
    assert again.headers["content-type"] == first.headers["content-type"]
    assert again.headers["idempotency-key"] == "k-1"
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert len(services.sent) == 1


async def test_a_refusal_is_repeated_too(http: httpx.AsyncClient, services: FakeServices) -> None:
    services.answers["CreateAccount"] = Response(400, b'{"detail": "Account already exists.", "status": 400}')
    for _ in range(2):
        response = await http.post("/accounts/add-account", params={"account_name": "a"}, headers=KEY)
        assert (response.status_code, response.json()["detail"]) == (400, "Account already exists.")
    assert len(services.sent) == 1


@pytest.mark.parametrize(
    ("path", "query", "body"),
    [
        ("/trading/orders", {}, {**ORDER_BODY, "amount": "0.2"}),
        ("/trading/orders", {"more": "1"}, ORDER_BODY),
    ],
)
async def test_another_request_is_refused(
    http: httpx.AsyncClient, services: FakeServices, path: str, query: dict[str, str], body: object
) -> None:
    await http.post("/trading/orders", json=ORDER_BODY, headers=KEY)
    response = await http.post(path, params=query, json=body, headers=KEY)
    assert response.status_code == 422
    assert response.headers["content-type"] == "application/problem+json"
    assert "Idempotency-Key" in response.json()["detail"]
    assert response.json()["code"] == "KeyReused"
    assert len(services.sent) == 1


async def test_trading_remembers_the_order_longer(http: httpx.AsyncClient, services: FakeServices) -> None:
    services.answers["PlaceOrder"] = OrderIdReused("Order 'o-1' was placed by this command id with another body")
    response = await http.post("/trading/orders", json=ORDER_BODY, headers=KEY)
    assert (response.status_code, response.json()["code"]) == (422, "KeyReused")


async def test_while_the_first_one_runs(http: httpx.AsyncClient, services: FakeServices, bucket: MemoryBucket) -> None:
    at_once = await asyncio.gather(*(http.post("/trading/orders", json=ORDER_BODY, headers=KEY) for _ in range(3)))
    assert {response.status_code for response in at_once} <= {201, 409}
    assert len(services.sent) == 1
    repeated = Repeats(bucket, b"k")
    begun, may_end = asyncio.Event(), asyncio.Event()

    async def slow() -> Kept:
        begun.set()
        await may_end.wait()
        return ANSWER

    first = asyncio.create_task(repeated.once(ID, b"request", slow))
    await begun.wait()
    with pytest.raises(StillRunning):
        await repeated.once(ID, b"request", slow)
    with pytest.raises(KeyReused):
        await repeated.once(ID, b"other", slow)
    may_end.set()
    assert await first == (ANSWER, False)
    assert await repeated.once(ID, b"request", slow) == (ANSWER, True)


async def test_a_running_request_is_answered_409(http: httpx.AsyncClient, bucket: MemoryBucket) -> None:
    await http.post("/trading/orders", json=ORDER_BODY, headers=KEY)
    ((name, (value, revision)),) = bucket.entries.items()
    running = Repeats(bucket, b"k" * 32)._record(json.loads(value)["digest"])
    bucket.entries[name] = (running, revision)
    response = await http.post("/trading/orders", json=ORDER_BODY, headers=KEY)
    assert (response.status_code, response.headers["retry-after"]) == (409, "1")
    assert response.json()["code"] == "StillRunning"


async def test_a_timeout_is_no_answer(http: httpx.AsyncClient, services: FakeServices) -> None:
    services.answers["PlaceOrder"] = NoAnswer("No answer")
    assert (await http.post("/trading/orders", json=ORDER_BODY, headers=KEY)).status_code == 503
    services.answers["PlaceOrder"] = {"order_id": "o-1"}
    assert (await http.post("/trading/orders", json=ORDER_BODY, headers=KEY)).status_code == 201
    assert services.sent[0].metadata.message_id == services.sent[1].metadata.message_id


async def test_a_request_that_does_not_fit_leaves_the_key_free(http: httpx.AsyncClient, services: FakeServices) -> None:
    assert (await http.post("/trading/orders", json={}, headers=KEY)).status_code == 422
    assert (await http.post("/trading/orders", json=ORDER_BODY, headers=KEY)).status_code == 201


async def test_without_the_store_nothing_is_done(http: httpx.AsyncClient, services: FakeServices, bucket: MemoryBucket) -> None:
    bucket.away = True
    response = await http.post("/trading/orders", json=ORDER_BODY, headers=KEY)
    assert (response.status_code, response.headers["retry-after"]) == (503, "2")
    assert services.sent == []
    assert (await http.post("/trading/orders", json=ORDER_BODY)).status_code == 201


async def test_the_request_is_not_kept(http: httpx.AsyncClient, services: FakeServices, bucket: MemoryBucket) -> None:
    await http.post("/accounts/add-credential/a/binance", json={"k": "canary-secret"}, headers=KEY)
    ((value, _),) = bucket.entries.values()
    assert json.loads(value)["status"] == 201
    assert b"canary" not in value
    await http.get("/accounts/", headers=KEY)
    assert len(bucket.entries) == 1


async def test_what_a_dead_process_left_is_taken_over(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    bucket = MemoryBucket()
    repeated = Repeats(bucket, b"k", clock=lambda: now)

    async def leave() -> None:
        bucket.entries.clear()
        await bucket.create(str(ID), repeated._record(repeated_digest))

    async def answer() -> Kept:
        return ANSWER

    repeated_digest = repeats.hmac.digest(b"k", b"request", "sha256").hex()
    await leave()
    with pytest.raises(StillRunning):
        await repeated.once(ID, b"request", answer)
    monkeypatch.setattr(repeats, "is_dead", lambda process: True)
    assert await repeated.once(ID, b"request", answer) == (ANSWER, False)
    monkeypatch.undo()
    await leave()
    now += repeats.LONGEST
    assert await repeated.once(ID, b"request", answer) == (ANSWER, False)


async def test_a_failure_leaves_the_key_free() -> None:
    bucket = MemoryBucket()

    async def fail() -> Kept:
        raise Unavailable("no")

    with pytest.raises(Unavailable):
        await Repeats(bucket, b"k").once(ID, b"request", fail)
    assert bucket.entries == {}


async def test_the_bucket_of_nats(nats_url: str) -> None:
    bus = Bus("gateway-api", nats_url)
    bucket = Bucket(bus, naming.ANSWER_BUCKET, ttl=60)
    with pytest.raises(Unavailable):
        await bucket.find("a")
    await bus.start()
    try:
        revision = await bucket.create("a", b"1")
        assert revision is not None
        assert await bucket.create("a", b"2") is None
        assert await bucket.replace("a", b"2", revision + 1) is None
        revised = await bucket.replace("a", b"2", revision)
        assert await bucket.find("a") == (b"2", revised)
        await bucket.remove("a", revision)
        assert await bucket.find("a") == (b"2", revised)
        assert revised is not None
        await bucket.remove("a", revised)
        assert await bucket.find("a") is None
        assert await bucket.create("a", b"3") is not None
        await bus.jetstream.delete_stream(naming.bucket_stream(naming.ANSWER_BUCKET))
        assert await bucket.create("a", b"4") is not None
    finally:
        await bus.stop()


async def test_an_order_beyond_the_exchanges_limit_may_be_sent_again(http: httpx.AsyncClient, services: FakeServices) -> None:
    accepting = services.answers["PlaceOrder"]
    services.answers["PlaceOrder"] = OrderRateExceeded("too many at a time", retry_after=7)
    refused = await http.post("/trading/orders", json=ORDER_BODY, headers=KEY)
    assert (refused.status_code, refused.json()["code"], refused.headers["retry-after"]) == (429, "OrderRateExceeded", "7")
    services.answers["PlaceOrder"] = accepting
    assert (await http.post("/trading/orders", json=ORDER_BODY, headers=KEY)).status_code == 201
