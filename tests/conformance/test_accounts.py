"""/accounts (contract 8.2)."""

from __future__ import annotations

import secrets

import httpx
import pytest

from tests.conformance.conftest import CONNECTOR
from tests.conformance.shapes import check, name

BAD_NAMES = ["", "two words", "dot.ted", "a*", "x" * 65, "ümlaut", "../etc"]


def test_accounts_are_listed(api: httpx.Client, account: str) -> None:
    response = api.get("/accounts/")
    assert response.status_code == 200
    check(response.json(), [name])
    assert {"master_account", account} <= set(response.json())


def test_an_account_comes_and_goes(api: httpx.Client) -> None:
    made = f"conformance_{secrets.token_hex(4)}"
    added = api.post("/accounts/add-account", params={"account_name": made})
    assert (added.status_code, added.json()) == (201, {"message": "Account added successfully."})
    again = api.post("/accounts/add-account", params={"account_name": made})
    assert (again.status_code, again.json()["detail"]) == (400, "Account already exists.")
    credentials = api.get(f"/accounts/{made}/credentials")
    assert (credentials.status_code, credentials.json()) == (200, [])
    deleted = api.post("/accounts/delete-account", params={"account_name": made})
    assert (deleted.status_code, deleted.json()) == (200, {"message": "Account deleted successfully."})
    assert made not in api.get("/accounts/").json()
    assert api.get(f"/accounts/{made}/credentials").status_code == 404
    assert api.post("/accounts/delete-account", params={"account_name": made}).status_code == 404


def test_the_same_key_creates_once(api: httpx.Client) -> None:
    made = f"conformance_{secrets.token_hex(4)}"
    for _ in range(2):
        added = api.post("/accounts/add-account", params={"account_name": made}, headers={"Idempotency-Key": f"make-{made}"})
        assert added.status_code == 201
    api.post("/accounts/delete-account", params={"account_name": made})


def test_a_key_is_for_one_request(api: httpx.Client) -> None:
    made = f"conformance_{secrets.token_hex(4)}"
    key = {"Idempotency-Key": f"make-{made}"}
    first = api.post("/accounts/add-account", params={"account_name": made}, headers=key)
    again = api.post("/accounts/add-account", params={"account_name": made}, headers=key)
    assert (again.status_code, again.json()) == (first.status_code, first.json()) == (201, again.json())
    assert again.headers["idempotency-replayed"] == "true"
    other = api.post("/accounts/add-account", params={"account_name": f"{made}_2"}, headers=key)
    assert other.status_code == 422
    assert "Idempotency-Key" in other.json()["detail"]
    assert f"{made}_2" not in api.get("/accounts/").json()
    api.post("/accounts/delete-account", params={"account_name": made})


def test_master_account_stays(api: httpx.Client) -> None:
    response = api.post("/accounts/delete-account", params={"account_name": "master_account"})
    assert (response.status_code, response.json()["detail"]) == (400, "Cannot delete master account.")
    assert "master_account" in api.get("/accounts/").json()


@pytest.mark.parametrize("bad", BAD_NAMES)
def test_bad_names(api: httpx.Client, bad: str) -> None:
    assert api.post("/accounts/add-account", params={"account_name": bad}).status_code == 400
    assert api.post("/accounts/delete-account", params={"account_name": bad}).status_code == 400
    if "/" not in bad and bad:
        assert api.get(f"/accounts/{bad}/credentials").status_code == 400
        assert api.post(f"/accounts/delete-credential/{bad}/{CONNECTOR}").status_code == 400


def test_deleting_a_credential_is_idempotent(api: httpx.Client, account: str) -> None:
    for _ in range(2):
        response = api.post(f"/accounts/delete-credential/{account}/{CONNECTOR}")
        assert (response.status_code, response.json()) == (200, {"message": "Credential deleted successfully."})


WRONG_KEYS = {"binance_api_key": "wrong", "binance_api_secret": "wrong"}


@pytest.mark.parametrize(
    ("connector", "values", "named"),
    [
        ("no_such_exchange", {"api_key": "k"}, "no_such_exchange"),
        (CONNECTOR, {**WRONG_KEYS, "shoe_size": "44"}, "shoe_size"),
        (CONNECTOR, {"binance_api_key": "k"}, "binance_api_secret"),
        (CONNECTOR, {"binance_api_key": "k", "binance_api_secret": ""}, "binance_api_secret"),
        (CONNECTOR, WRONG_KEYS, ""),
    ],
)
def test_credentials_that_are_refused(
    api: httpx.Client, account: str, connector: str, values: dict[str, str], named: str
) -> None:
    response = api.post(f"/accounts/add-credential/{account}/{connector}", json=values)
    assert response.status_code == 400, response.text
    assert isinstance(response.json()["detail"], str)
    assert named in response.json()["detail"]
    assert api.get(f"/accounts/{account}/credentials").json() == []


def test_a_credential_of_an_unknown_account(api: httpx.Client) -> None:
    response = api.post(f"/accounts/add-credential/no_such_account/{CONNECTOR}", json=WRONG_KEYS)
    assert response.status_code == 400


@pytest.mark.parametrize("values", [[], "text", {"binance_api_key": {"nested": "canary"}}])
def test_credentials_that_do_not_fit(api: httpx.Client, account: str, values: object) -> None:
    response = api.post(f"/accounts/add-credential/{account}/{CONNECTOR}", json=values)
    assert response.status_code == 422
    assert "canary" not in response.text


def test_a_credential_is_listed(api: httpx.Client, trader: str) -> None:
    response = api.get(f"/accounts/{trader}/credentials")
    assert (response.status_code, response.json()) == (200, [CONNECTOR])
