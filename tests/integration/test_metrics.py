"""The metrics of a running stack move with what happens on it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.stack import PASSWORD, USERNAME, Stack, eventually, running

pytestmark = pytest.mark.timeout(300)
ORDER = {"account_name": "master_account", "connector_name": "binance", "trading_pair": "BTC-USDT", "trade_type": "BUY"}
MARKET = {**ORDER, "amount": 0.01, "order_type": "MARKET"}
SESSION = {"account": "master_account", "connector": "binance"}

type Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with running(GATEWAY_API_RATE_LIMIT="1000", GATEWAY_API_RATE_WINDOW="3600") as started:
        yield started


@pytest.fixture(scope="module")
def api(stack: Stack) -> Iterator[httpx.Client]:
    """Calls to a stack whose one session takes orders."""
    keys = stack.sandbox_account(USDT="100000", BTC="1")
    with httpx.Client(base_url=stack.url, auth=(USERNAME, PASSWORD), timeout=60) as client:
        values = {"binance_api_key": keys["api_key"], "binance_api_secret": keys["api_secret"]}
        assert client.post("/accounts/add-credential/master_account/binance", json=values).status_code == 201
        cancel_all = "/trading/master_account/binance/orders/cancel-all"
        eventually(lambda: client.post(cancel_all).status_code == 200, "the session takes orders")
        yield client


def scrape(stack: Stack, service: str) -> Samples:
    ports = json.loads(stack.run("status", "--json"))["ports"]
    text = httpx.get(f"http://127.0.0.1:{ports[f'{service}-health']}/metrics", timeout=30).text
    families = text_string_to_metric_families(text)
    return {(sample.name, frozenset(sample.labels.items())): sample.value for family in families for sample in family.samples}


def value(samples: Samples, name: str, **labels: str) -> float:
    """The value of a series, 0 while there is none."""
    return samples.get((f"hummingbus_{name}", frozenset(labels.items())), 0.0)


def place(api: httpx.Client, order: dict[str, Any], status: int) -> dict[str, Any]:
    response = api.post("/trading/orders", json=order)
    assert response.status_code == status, response.text
    answer: dict[str, Any] = response.json()
    return answer


def test_orders_move_what_trading_measures(stack: Stack, api: httpx.Client) -> None:
    before = scrape(stack, "trading")
    ids = {place(api, MARKET, 201)["order_id"] for _ in range(3)}
    small = place(api, {**MARKET, "amount": 0.0000001}, 400)

    def filled() -> bool:
        found = api.post("/trading/orders/search", json={"limit": 100}).json()["data"]
        return {each["order_id"] for each in found if each["status"] == "FILLED"} >= ids

    eventually(filled, "the orders are filled")
    handled = {"kind": "command", "message": "PlaceOrder"}

    def moved(after: Samples, name: str, **labels: str) -> float:
        return value(after, name, **labels) - value(before, name, **labels)

    after = scrape(stack, "trading")
    assert moved(after, "messages_handled_total", outcome="ok", **handled) == 3
    assert moved(after, "messages_handled_total", outcome=small["code"], **handled) == 1
    assert moved(after, "rejections_total", code=small["code"]) == 1
    assert moved(after, "message_handling_seconds_count", **handled) == 4
    for stage in ("submitted", "acknowledged", "filled"):
        assert moved(after, "order_stage_seconds_count", stage=stage) == 3
        assert moved(after, "order_stage_seconds_sum", stage=stage) > 0
    events = moved(after, "appended_events_total")
    assert events >= 9, "placed, submitted and filled, of three orders"
    assert 0 < moved(after, "append_seconds_count") <= events
    assert moved(after, "append_seconds_bucket", le="+Inf") == moved(after, "append_seconds_count")
    assert 0 < moved(after, "append_batch_size_count") <= moved(after, "append_seconds_count")
    assert value(after, "session_state", state="ready", **SESSION) == 1
    assert value(after, "sessions", state="ready") == 1
    assert value(after, "unknown_orders") == 0

    def relayed() -> bool:
        now = scrape(stack, "trading")
        published = moved(now, "relay_delay_seconds_count") >= moved(now, "appended_events_total") >= events
        return published and value(now, "relay_lag_events") == value(now, "feed_lag_events") == 0

    eventually(relayed, "all events are on the stream")


def test_a_deleted_credential_ends_the_session(stack: Stack, api: httpx.Client) -> None:
    assert api.post("/accounts/delete-credential/master_account/binance").status_code == 200

    def gone() -> bool:
        return value(scrape(stack, "trading"), "session_state", state="ready", **SESSION) == 0

    eventually(gone, "the session is gone from the metrics")


def test_views_of_foreign_events_catch_up(stack: Stack, api: httpx.Client) -> None:
    def caught_up() -> bool:
        samples = scrape(stack, "accounts")
        lags = [amount for (name, _), amount in samples.items() if name == "hummingbus_consumer_lag_events"]
        following = [amount for (name, _), amount in samples.items() if name == "hummingbus_consumer_following"]
        return bool(lags) and not any(lags) and bool(following) and all(following)

    assert api.get("/accounts/").status_code == 200
    eventually(caught_up, "the views are up to date")


def test_requests_move_what_the_gateway_measures(stack: Stack, api: httpx.Client) -> None:
    before = scrape(stack, "gateway-api")
    accounts = {"method": "GET", "route": "/accounts/"}
    for _ in range(5):
        api.get("/accounts/")
    api.get("/nothing")
    httpx.get(f"{stack.url}/accounts/", auth=(USERNAME, "wrong"))
    after = scrape(stack, "gateway-api")

    def moved(name: str, **labels: str) -> float:
        return value(after, name, **labels) - value(before, name, **labels)

    assert moved("http_requests_total", status="200", **accounts) == 5
    assert moved("http_requests_total", status="401", **accounts) == 1
    assert moved("http_requests_total", status="404", method="GET", route="unmatched") == 1
    assert moved("http_request_seconds_count", **accounts) == 6
    assert value(after, "ready") == 1


def test_a_quota_is_told_and_then_refused(stack: Stack, api: httpx.Client) -> None:
    """Last: it uses up what the address may ask."""
    told = api.get("/accounts/").headers
    assert told["ratelimit-policy"] == '"user";q=1000;w=3600, "address";q=1000;w=3600'
    answers = iter(lambda: api.get("/"), None)
    refused = next(each for each in answers if each.status_code != 200)
    assert (refused.status_code, refused.json()["code"]) == (429, "TooManyRequests")
    assert 1 <= int(refused.headers["retry-after"]) <= 4, "one request comes back every 3.6 seconds"
    spoofed = [api.get("/", headers={"X-Forwarded-For": f"203.0.113.{number}"}).status_code for number in range(10)]
    assert 429 in spoofed, "who sends X-Forwarded-For without being a trusted proxy has a new quota"
