"""Secrets stay where they belong: a canary is looked for in everything the stack writes, answers, and shows to the machine."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from tests.stack import CONFIG_PASSWORD, PASSWORD, USERNAME, Stack, eventually

CANARY = "canary-5f1c9c3e7b"
ALLOWED = {
    "exchange secret": ("sandbox",),  # the exchange itself must know it, to check signatures
    "config password": ("run/accounts.env", "secrets"),  # accounts opens its vault with it
    "admin password": (),
}

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def keys(stack: Stack) -> dict[str, Any]:
    return stack.sandbox_account(USDT="1000")


@pytest.fixture(scope="module")
def answers(stack: Stack, keys: dict[str, Any]) -> str:
    """Everything the API says while a key is refused, added, replaced, used, and an account deleted."""
    said = []
    good = {"binance_api_key": keys["api_key"], "binance_api_secret": keys["api_secret"]}
    with httpx.Client(base_url=stack.url, auth=(USERNAME, PASSWORD), timeout=60) as api:
        for values in (
            {"binance_api_key": keys["api_key"], "binance_api_secret": CANARY},
            {"binance_api_key": f"{CANARY}-key", "binance_api_secret": CANARY},
            {"binance_api_key": keys["api_key"], "binance_api_secret": CANARY, "unknown": CANARY},
            {"binance_api_key": keys["api_key"], "binance_api_secret": {"nested": CANARY}},
            good,
            good,
        ):
            said.append(api.post("/accounts/add-credential/master_account/binance", json=values))
        assert [answer.status_code for answer in said] == [400, 400, 400, 422, 201, 201]

        def balances() -> bool:
            said.append(api.post("/portfolio/state", json={"refresh": True}))
            return bool(said[-1].json().get("master_account"))

        eventually(balances, "balances arrive")
        order = {"account_name": "master_account", "connector_name": "binance", "trading_pair": "BTC-USDT", "trade_type": "BUY"}
        said.append(api.post("/trading/orders", json={**order, "amount": "0.001", "order_type": "MARKET"}))
        said += [api.get("/health"), api.get("/accounts/master_account/credentials"), api.get("/connectors/binance/config-map")]
        said.append(api.post("/accounts/delete-credential/master_account/binance", params={"force": "true"}))
    return "\n".join(f"{answer.headers}\n{answer.text}" for answer in said)


def files_with(home: Path, secret: str, allowed: tuple[str, ...]) -> list[str]:
    """The files below the home that hold the secret in clear, but for those where it may be."""
    found = []
    for path in home.rglob("*"):
        name = str(path.relative_to(home))
        if path.is_file() and not path.is_symlink() and not name.startswith(allowed):
            content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
            if secret.encode() in content:
                found.append(name)
    return found


def shown_by_processes(stack: Stack, secret: str) -> list[str]:
    """The processes whose command line or environment shows the secret."""
    found = []
    for name, row in stack.processes().items():
        process = psutil.Process(row["pid"])
        shown = "\0".join([*process.cmdline(), *process.environ().values()])
        if secret in shown:
            found.append(name)
    return found


@pytest.mark.parametrize("kind", ALLOWED)
def test_a_secret_is_nowhere_in_clear(stack: Stack, keys: dict[str, Any], answers: str, kind: str) -> None:
    secret = {"exchange secret": keys["api_secret"], "config password": CONFIG_PASSWORD, "admin password": PASSWORD}[kind]
    assert secret not in answers
    assert files_with(stack.home, secret, ALLOWED[kind]) == []
    assert shown_by_processes(stack, secret) == []


def test_a_refused_secret_leaves_no_trace(stack: Stack, answers: str) -> None:
    assert CANARY not in answers
    assert files_with(stack.home, CANARY, ()) == []


def test_where_a_secret_must_be_only_its_owner_reads_it(stack: Stack, answers: str) -> None:
    open_to_others = [
        str(path.relative_to(stack.home))
        for folder in ("run", "secrets", "sandbox-exchange")
        for path in (stack.home / folder).rglob("*")
        if path.is_file() and path.stat().st_mode & 0o077 and path.name not in {"ports.json", "status.json"}
    ]
    assert open_to_others == []
