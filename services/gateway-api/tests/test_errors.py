"""Errors: shapes, statuses and headers of the contract."""

from __future__ import annotations

import json
import logging

import httpx
import pytest
from contracts.accounts import AccountNameInvalid, AccountUnknown
from contracts.rejections import Unavailable
from contracts.trading import GetSession
from fake_services import FakeServices
from service_kit.bus import NoAnswer, Response
from test_routes import ORDER_BODY

JSON = {"content-type": "application/json"}


def operations(document: dict[str, object]) -> list[tuple[str, str]]:
    paths: dict[str, dict[str, object]] = document["paths"]  # type: ignore[assignment]
    return [(method, path) for path, methods in paths.items() for method in methods]


async def test_every_operation_wants_credentials(anonymous: httpx.AsyncClient, services: FakeServices) -> None:
    document = (await anonymous.get("/openapi.json")).json()
    for method, path in operations(document):
        if path in {"/", "/health"}:
            continue
        for headers, detail in (
            ({}, "Not authenticated"),
            ({"authorization": "Bearer x"}, "Not authenticated"),
            ({"authorization": "Basic %%%"}, "Not authenticated"),
            ({"authorization": "Basic dHJhZGVy"}, "Not authenticated"),
            ({"authorization": "Basic dHJhZGVyOndyb25n"}, "Incorrect username or password"),
        ):
            response = await anonymous.request(method, path, headers={**headers, **JSON}, content="{ not json")
            assert (response.status_code, response.json()) == (401, {"detail": detail}), path
            assert response.headers["www-authenticate"] == "Basic"
    assert services.sent == []


@pytest.mark.parametrize(
    ("change", "loc"),
    [
        ({"amount": 0}, "amount"),
        ({"amount": -1}, "amount"),
        ({"amount": "0.0"}, "amount"),
        ({"amount": "NaN"}, "amount"),
        ({"amount": "Infinity"}, "amount"),
        ({"amount": "1e400"}, "amount"),
        ({"amount": "x"}, "amount"),
        ({"amount": True}, "amount"),
        ({"amount": None}, "amount"),
        ({"price": "x"}, "price"),
        ({"trade_type": "HOLD"}, "trade_type"),
        ({"order_type": "STOP"}, "order_type"),
        ({"position_action": "NIL"}, "position_action"),
        ({"trading_pair": "BTC\u0000USDT"}, "trading_pair"),
        ({"trading_pair": "\ud800"}, "trading_pair"),
        ({"account_name": 5}, "account_name"),
    ],
)
async def test_orders_that_do_not_fit(
    http: httpx.AsyncClient, services: FakeServices, change: dict[str, object], loc: str
) -> None:
    response = await http.post("/trading/orders", content=json.dumps({**ORDER_BODY, **change}), headers=JSON)
    assert response.status_code == 422, response.text
    for error in response.json()["detail"]:
        assert error["loc"][:2] == ["body", loc]
        assert set(error) >= {"type", "loc", "msg", "input"}
    assert services.sent == []


@pytest.mark.parametrize("body", ["", "{", "[]", "null", '{"amount": NaN}', '"text"', "\ufeff{}", b"\xff"])
async def test_bodies_that_are_no_json_object(http: httpx.AsyncClient, body: str | bytes) -> None:
    response = await http.post("/trading/orders", content=body, headers=JSON)
    assert response.status_code == 422, response.text
    assert isinstance(response.json()["detail"], list)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/trading/orders/search", {"limit": 0}),
        ("/trading/orders/search", {"limit": 1001}),
        ("/trading/orders/search", {"start_time": -1}),
        ("/trading/orders/search", {"start_time": "yesterday"}),
        ("/trading/orders/search", {"end_time": 10**30}),
        ("/trading/orders/search", {"end_time": True}),
        ("/trading/orders/search", {"account_names": "master_account"}),
        ("/trading/orders/search", {"account_names": ["a\u0000"]}),
        ("/trading/orders/search", {"account_names": ["a"] * 1001}),
        ("/trading/trades", {"trade_types": ["HOLD"]}),
        ("/portfolio/history", {"interval": "2m"}),
        ("/portfolio/state", {"refresh": "perhaps"}),
    ],
)
async def test_filters_that_do_not_fit(http: httpx.AsyncClient, services: FakeServices, path: str, body: object) -> None:
    response = await http.post(path, json=body)
    assert response.status_code == 422, response.text
    assert services.sent == []


NESTED = "[" * 3000 + "]" * 3000
DIGITS = "9" * 5000


@pytest.mark.parametrize(
    "value", ["1e400", "-1e999999", "1e999999999", NESTED, "[" * 200_000, DIGITS, '"\\ud800"', "1e-999999"]
)
@pytest.mark.parametrize("field", ["limit", "start_time", "account_names", "cursor", "amount"])
async def test_hostile_values_are_refused(http: httpx.AsyncClient, services: FakeServices, field: str, value: str) -> None:
    path = "/trading/orders" if field == "amount" else "/trading/orders/search"
    response = await http.post(path, content=f'{{"{field}": {value}}}', headers=JSON)
    assert response.status_code in {400, 422}, response.text[:300]
    json.loads(response.content, parse_constant=pytest.fail)
    assert services.sent == []


async def test_missing_query_parameter(http: httpx.AsyncClient) -> None:
    response = await http.post("/accounts/add-account")
    assert response.status_code == 422
    assert response.json()["detail"][0]["loc"] == ["query", "account_name"]


@pytest.mark.parametrize(
    "values", [{"k": {"nested": "canary-secret"}}, ["canary-secret"], {"k": [1, "canary-secret"]}, "canary-secret"]
)
async def test_secrets_are_not_repeated(http: httpx.AsyncClient, services: FakeServices, values: object) -> None:
    response = await http.post("/accounts/add-credential/a/binance", json=values)
    assert response.status_code == 422
    assert "canary-secret" not in response.text
    assert services.sent == []


async def test_secrets_are_not_logged(http: httpx.AsyncClient, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        await http.post("/accounts/add-credential/a/binance", json={"k": "canary-secret"})
    assert caplog.records
    for record in caplog.records:
        assert "canary-secret" not in str(vars(record))
        assert "correct horse" not in str(vars(record))


async def test_unknown_path_and_method(http: httpx.AsyncClient) -> None:
    response = await http.get("/nothing/here")
    assert (response.status_code, response.json()) == (404, {"detail": "Not Found"})
    response = await http.delete("/accounts/")
    assert (response.status_code, response.json()) == (405, {"detail": "Method Not Allowed"})
    assert response.headers["Allow"] == "GET"
    several = await http.request("OPTIONS", "/executors/positions/binance/BTC-USDT")
    assert several.headers["Allow"] == "DELETE, GET"
    assert (await http.request("OPTIONS", "/executors/search")).headers["Allow"] == "POST"
    response = await http.get("/docs/../secret")
    assert response.status_code == 404


async def test_a_parameter_that_is_no_list_is_given_once(http: httpx.AsyncClient) -> None:
    response = await http.get("/executors/positions/summary?controller_id=a&controller_id=b")
    assert response.status_code == 422
    assert response.json()["detail"][0]["loc"] == ["query", "controller_id"]


@pytest.mark.parametrize("path", ["/accounts", "/accounts/", "/connectors", "/connectors/"])
async def test_slash_is_optional(http: httpx.AsyncClient, path: str) -> None:
    assert (await http.get(path)).status_code == 200


@pytest.mark.parametrize("path", ["/portfolio/state", "/portfolio/state/", "/trading/orders/active/"])
async def test_slash_is_optional_after_posts(http: httpx.AsyncClient, path: str) -> None:
    response = await http.post(path, json={})
    assert (response.status_code, response.history) == (200, [])


async def test_nobody_holds_the_session(http: httpx.AsyncClient, services: FakeServices) -> None:
    services.nobody_serves("PlaceOrder")
    services.answers["GetSession"] = services.answers["ListCredentials"] = AccountUnknown("Account 'master_account' not found")
    response = await http.post("/trading/orders", json=ORDER_BODY)
    assert (response.status_code, response.json()["detail"]) == (404, "Account 'master_account' not found")
    services.answers["GetSession"] = {"account": "a", "connector": "c", "state": "failed", "reason": "Invalid API-key"}
    response = await http.post("/trading/orders", json=ORDER_BODY)
    assert response.status_code == 503
    assert int(response.headers["retry-after"]) > 0
    assert response.json()["detail"] == (
        "The session of 'master_account' on 'binance' is failed: Invalid API-key; nothing was sent to the exchange"
    )


async def test_names_that_cannot_be_a_session(http: httpx.AsyncClient, services: FakeServices) -> None:
    services.answers["GetSession"] = AccountUnknown("Account '*' not found")
    services.answers["ListCredentials"] = AccountNameInvalid("'*' is not an account name")
    response = await http.post("/trading/orders", json={**ORDER_BODY, "account_name": "*"})
    assert (response.status_code, response.json()["detail"]) == (404, "Account '*' not found")
    assert services.sent[0].message == GetSession(account="*", connector="binance")


@pytest.mark.parametrize(
    ("connectors", "status", "detail"),
    [
        ([], 404, "Account 'master_account' has no credential for binance"),
        (["kucoin"], 404, "Account 'master_account' has no credential for binance"),
        (["binance"], 503, "The session of 'master_account' on 'binance' is starting; nothing was sent to the exchange"),
    ],
)
async def test_an_account_the_trading_service_has_not_heard_of_yet(
    http: httpx.AsyncClient, services: FakeServices, connectors: list[str], status: int, detail: str
) -> None:
    services.nobody_serves("PlaceOrder")
    services.answers["GetSession"] = AccountUnknown("Account 'master_account' not found")
    services.answers["ListCredentials"] = connectors
    response = await http.post("/trading/orders", json=ORDER_BODY)
    assert (response.status_code, response.json()["detail"]) == (status, detail)


async def test_timeout_of_a_command_says_what_to_do(http: httpx.AsyncClient, services: FakeServices) -> None:
    services.answers["PlaceOrder"] = NoAnswer("No answer", retry_after=3)
    response = await http.post("/trading/orders", json=ORDER_BODY)
    assert (response.status_code, response.headers["retry-after"]) == (503, "3")
    assert "may still have been carried out" in response.json()["detail"]
    assert response.json()["code"] == "OutcomeUnknown"
    assert response.headers["idempotency-key"]


async def test_timeout_of_a_read_and_a_missing_service(http: httpx.AsyncClient, services: FakeServices) -> None:
    services.answers["ListAccounts"] = NoAnswer("No answer")
    response = await http.get("/accounts/")
    assert (response.status_code, response.json()["detail"]) == (
        503,
        "The accounts service did not answer within 10 seconds",
    )
    services.nobody_serves("ListAccounts", "CreateAccount")
    response = await http.get("/accounts/")
    assert response.json()["detail"] == "The accounts service is not running"
    response = await http.post("/accounts/add-account", params={"account_name": "a"})
    assert response.json()["detail"] == "The accounts service is not running; nothing was changed"
    services.answers["ListAccounts"] = Unavailable("The message bus cannot be reached")
    response = await http.get("/accounts/")
    assert (response.status_code, response.json()["detail"]) == (503, "The message bus cannot be reached")


async def test_a_services_503_keeps_its_retry_after(http: httpx.AsyncClient, services: FakeServices) -> None:
    services.answers["PlaceOrder"] = Response(503, b'{"detail": "Trading rules are not loaded"}', 7)
    response = await http.post("/trading/orders", json=ORDER_BODY)
    assert (response.status_code, response.headers["retry-after"]) == (503, "7")


async def test_a_bug_tells_its_trace_only(http: httpx.AsyncClient, services: FakeServices) -> None:
    del services.answers["ListAccounts"]
    response = await http.get("/accounts/", headers={"traceparent": f"00-{'a' * 32}-{'b' * 16}-01"})
    assert response.status_code == 500
    assert response.json() == {"detail": "Internal error", "trace_id": "a" * 32}
    assert response.headers["x-request-id"]


async def test_a_body_that_is_too_large(http: httpx.AsyncClient) -> None:
    response = await http.post("/trading/orders/search", json={"cursor": "x" * 600_000})
    assert response.status_code == 413


@pytest.mark.parametrize("body", ["0.0", "1.5", "0", "true", "null", '""', "[]"])
@pytest.mark.parametrize("path", ["/portfolio/history", "/portfolio/state", "/trading/orders/search"])
async def test_a_body_that_is_no_object(http: httpx.AsyncClient, path: str, body: str) -> None:
    assert (await http.post(path, content=body, headers=JSON)).status_code == 422


@pytest.mark.parametrize(("names", "status"), [(1000, 200), (1001, 422)])
async def test_the_longest_list(http: httpx.AsyncClient, names: int, status: int) -> None:
    response = await http.post("/trading/orders/search", json={"account_names": ["a"] * names})
    assert response.status_code == status


async def test_preflight(anonymous: httpx.AsyncClient) -> None:
    asked = {"origin": "http://localhost:3000", "access-control-request-method": "POST"}
    response = await anonymous.options("/trading/orders", headers=asked)
    assert response.status_code == 200
    assert response.headers["access-control-allow-origin"] == "http://localhost:3000"
    assert response.headers["access-control-allow-credentials"] == "true"
    response = await anonymous.options("/trading/orders", headers={**asked, "origin": "https://evil.example"})
    assert response.status_code == 400
    assert "access-control-allow-origin" not in response.headers
