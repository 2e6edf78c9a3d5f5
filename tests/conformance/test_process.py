"""Process-wide behaviour: authentication, slashes, CORS, errors (contract section 1)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.conformance.shapes import VALIDATION, check

OPERATIONS: list[dict[str, Any]] = json.loads((Path(__file__).parent / "operations.json").read_text())
AUTHENTICATED = [(each["method"], each["path"]) for each in OPERATIONS if each["authenticated"]]
NAMES = {
    "{account_name}": "master_account",
    "{connector_name}": "binance",
    "{client_order_id}": "none",
    "{executor_id}": "none",
    "{executor_type}": "position_executor",
    "{trading_pair}": "BTC-USDT",
}
JSON = {"content-type": "application/json"}


def concrete(path: str) -> str:
    for placeholder, value in NAMES.items():
        path = path.replace(placeholder, value)
    return path


@pytest.fixture(scope="module")
def documented(anonymous: httpx.Client) -> dict[str, Any]:
    """The paths of the OpenAPI document."""
    document: dict[str, Any] = anonymous.get("/openapi.json").json()
    return document


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda each: f"{each['method']} {each['path']}")
def test_operation_is_there_with_its_parameters(documented: dict[str, Any], operation: dict[str, Any]) -> None:
    found = documented["paths"][operation["path"]][operation["method"].lower()]
    assert str(operation["success"]) in found["responses"]
    assert bool(found.get("security")) == operation["authenticated"]
    parameters = {each["name"]: each for each in found.get("parameters", [])}
    for name, wanted in operation["parameters"].items():
        assert {key: parameters[name][key] for key in ("in", "required")} == wanted
    added = [each for name, each in parameters.items() if name not in operation["parameters"]]
    assert not any(each["required"] for each in added)


@pytest.mark.parametrize(
    "operation", [each for each in OPERATIONS if each["body"]], ids=lambda each: f"{each['method']} {each['path']}"
)
def test_body_has_the_contracts_fields(documented: dict[str, Any], operation: dict[str, Any]) -> None:
    found = documented["paths"][operation["path"]][operation["method"].lower()]["requestBody"]
    schema = _resolved(documented, found["content"]["application/json"]["schema"])
    assert set(operation["body"]["fields"]) <= set(schema.get("properties", {}))
    assert set(schema.get("required", [])) == set(operation["body"]["required"])
    for name, facts in operation["body"]["fields"].items():
        field = _resolved(documented, schema["properties"][name])
        for fact, value in facts.items():
            assert field[fact] == value, (name, fact)


def _resolved(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in schema:
        return schema
    referenced = document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
    return {**referenced, **{key: value for key, value in schema.items() if key != "$ref"}}


@pytest.mark.parametrize(("method", "path"), AUTHENTICATED)
def test_credentials_come_first(anonymous: httpx.Client, method: str, path: str) -> None:
    for auth, detail in ((None, "Not authenticated"), (("nobody", "wrong"), "Incorrect username or password")):
        response = anonymous.request(method, concrete(path), auth=auth, content="{ not json", headers=JSON)
        assert (response.status_code, response.json()) == (401, {"detail": detail})
        assert response.headers["www-authenticate"] == "Basic"


def test_root_is_open(anonymous: httpx.Client) -> None:
    response = anonymous.get("/")
    assert (response.status_code, response.json()) == (
        200,
        {"name": "Hummingbot API", "version": "1.0.1", "status": "running"},
    )


def test_health_is_open_and_lists_every_service(anonymous: httpx.Client) -> None:
    response = anonymous.get("/health")
    assert response.status_code == 200
    health = response.json()
    assert health["status"] == "ready"
    assert health["venue"] in {"sandbox", "live"}
    assert {"gateway-api", "accounts", "trading", "market-data"} <= set(health["services"])


def test_documentation_is_open(anonymous: httpx.Client) -> None:
    assert anonymous.get("/docs").headers["content-type"].startswith("text/html")
    assert anonymous.get("/openapi.json").status_code == 200


READS = [
    (method, path) for method, path in AUTHENTICATED if method == "GET" or path.startswith(("/portfolio", "/trading/orders/"))
]


@pytest.mark.parametrize(("method", "path"), READS)
def test_slash_is_optional(api: httpx.Client, method: str, path: str) -> None:
    body: object = {} if method == "POST" else None
    bare = concrete(path).rstrip("/")
    for form in (bare, f"{bare}/"):
        response = api.request(method, form, json=body)
        # What was asked for by a name may not be there; then its own service says so.
        assert response.status_code == 200 or (response.status_code == 404 and response.json()["code"]), response.text
        assert response.history == []


def test_unknown_path_and_method(api: httpx.Client) -> None:
    response = api.get("/nothing-here")
    assert (response.status_code, response.json()) == (404, {"detail": "Not Found"})
    response = api.put("/accounts/")
    assert (response.status_code, response.json()) == (405, {"detail": "Method Not Allowed"})


def test_cors(anonymous: httpx.Client) -> None:
    asked = {"access-control-request-method": "POST", "access-control-request-headers": "authorization"}
    for origin in ("http://localhost:3000", "https://127.0.0.1"):
        response = anonymous.options("/trading/orders", headers={**asked, "origin": origin})
        assert response.status_code == 200
        assert response.headers["access-control-allow-origin"] == origin
        assert response.headers["access-control-allow-credentials"] == "true"
    response = anonymous.options("/trading/orders", headers={**asked, "origin": "https://elsewhere.example"})
    assert response.status_code == 400
    assert "access-control-allow-origin" not in response.headers
    assert (
        anonymous.get("/", headers={"origin": "http://localhost"}).headers["access-control-allow-origin"] == "http://localhost"
    )


@pytest.mark.parametrize(
    "body", ["", "{", "[]", "NaN", '{"limit": NaN}', '{"limit": "many"}', '{"limit": 0}', '{"limit": 1001}']
)
def test_bodies_that_do_not_fit(api: httpx.Client, body: str) -> None:
    response = api.post("/trading/orders/search", content=body, headers=JSON)
    assert response.status_code == 422, response.text
    check(response.json(), VALIDATION)


def test_missing_query_parameter(api: httpx.Client) -> None:
    response = api.post("/accounts/add-account")
    assert response.status_code == 422
    check(response.json(), VALIDATION)
    assert response.json()["detail"][0]["loc"] == ["query", "account_name"]


def test_every_answer_has_a_request_id(api: httpx.Client) -> None:
    assert api.get("/accounts/").headers["x-request-id"]
    assert api.get("/accounts/", headers={"X-Request-Id": "mine"}).headers["x-request-id"] == "mine"


def test_a_bad_idempotency_key_is_named(api: httpx.Client) -> None:
    response = api.post("/accounts/add-account", params={"account_name": "x"}, headers={"Idempotency-Key": "two words"})
    assert response.status_code == 400
    assert "Idempotency-Key" in response.json()["detail"]
