"""The stack to hold against the contract: a running one named by `HUMMINGBUS_URL`, or one started here.

`HUMMINGBUS_USERNAME` and `HUMMINGBUS_PASSWORD` log in to it. Tests that trade need
a key of its sandbox exchange, funded on spot and futures, in `HUMMINGBUS_API_KEY` and `HUMMINGBUS_API_SECRET`; they are skipped
without.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest

from tests.stack import PASSWORD, USERNAME, Stack, eventually, running

CONNECTOR, FUTURES, PAIR = "binance", "binance_perpetual", "BTC-USDT"


@dataclass(frozen=True)
class Target:
    """A running stack and what the tests know about it."""

    url: str
    username: str
    password: str
    api_key: str | None
    api_secret: str | None
    stack: Stack | None = None
    """The one that was started here."""


@pytest.fixture(scope="session")
def target() -> Iterator[Target]:
    url = os.environ.get("HUMMINGBUS_URL")
    if url is not None:
        username, password = os.environ["HUMMINGBUS_USERNAME"], os.environ["HUMMINGBUS_PASSWORD"]
        key, secret = os.environ.get("HUMMINGBUS_API_KEY"), os.environ.get("HUMMINGBUS_API_SECRET")
        yield Target(url.rstrip("/"), username, password, key, secret)
        return
    with running() as stack:
        keys = stack.sandbox_account(USDT="1000000", BTC="5")
        stack.run("sandbox", "futures", "deposit", keys["api_key"], "100000")
        yield Target(stack.url, USERNAME, PASSWORD, keys["api_key"], keys["api_secret"], stack)


@pytest.fixture(scope="session")
def anonymous(target: Target) -> Iterator[httpx.Client]:
    """Calls without credentials."""
    with httpx.Client(base_url=target.url, timeout=60) as http:
        yield http


@pytest.fixture(scope="session")
def api(target: Target) -> Iterator[httpx.Client]:
    """Calls with credentials."""
    with httpx.Client(base_url=target.url, auth=(target.username, target.password), timeout=120) as http:
        yield http


@pytest.fixture
def account(api: httpx.Client) -> Iterator[str]:
    """A new account without credentials, deleted at the end."""
    name = f"conformance_{secrets.token_hex(4)}"
    assert api.post("/accounts/add-account", params={"account_name": name}).status_code == 201
    yield name
    api.post("/accounts/delete-account", params={"account_name": name, "force": "true"})


@pytest.fixture(scope="session")
def trader(target: Target, api: httpx.Client) -> Iterator[str]:
    """An account whose session on the sandbox exchange takes orders; deleted at the end."""
    if target.api_key is None or target.api_secret is None:
        pytest.skip("no key of the sandbox exchange: set HUMMINGBUS_API_KEY and HUMMINGBUS_API_SECRET")
    name = f"conformance_{secrets.token_hex(4)}"
    assert api.post("/accounts/add-account", params={"account_name": name}).status_code == 201
    values = {"binance_api_key": target.api_key, "binance_api_secret": target.api_secret}
    added = api.post(f"/accounts/add-credential/{name}/{CONNECTOR}", json=values)
    assert added.status_code == 201, added.text

    def ready() -> bool:
        cancelled = api.post(f"/trading/{name}/{CONNECTOR}/orders/cancel-all")
        balances = api.post("/portfolio/state", json={"account_names": [name]}).json()
        return cancelled.status_code == 200 and bool(balances.get(name, {}).get(CONNECTOR))

    eventually(ready, "the session takes orders and reports balances")
    yield name
    api.post("/accounts/delete-account", params={"account_name": name, "force": "true"})


@pytest.fixture
def futures(target: Target, api: httpx.Client, trader: str) -> Iterator[str]:
    """The trader's second market for the same asset."""
    values = {f"{FUTURES}_api_key": target.api_key, f"{FUTURES}_api_secret": target.api_secret}
    added = api.post(f"/accounts/add-credential/{trader}/{FUTURES}", json=values)
    assert added.status_code == 201, added.text
    cancel = f"/trading/{trader}/{FUTURES}/orders/cancel-all"
    eventually(lambda: api.post(cancel).status_code == 200, "the second session takes orders", 90)
    yield FUTURES
    api.post(f"/accounts/delete-credential/{trader}/{FUTURES}")


@pytest.fixture(scope="session")
def price(trader: str, api: httpx.Client) -> float:
    """About the present price of the tests' pair."""
    state = api.post("/portfolio/state", json={"account_names": [trader]}).json()
    tokens = {token["token"]: token for token in state[trader][CONNECTOR]}
    return float(tokens[PAIR.split("-")[0]]["price"])
