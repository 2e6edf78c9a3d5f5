"""`hummingbus sandbox futures`: what is asked of the exchange, and what is told."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hummingbus.__main__ import app
from hummingbus.commands import sandbox_calls
from hummingbus.commands.sandbox_admin import SandboxAdmin
from typer.testing import CliRunner


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str, Any]]:
    """The calls that reach the exchange, which answers with the body."""
    calls: list[tuple[str, str, Any]] = []

    def call(_: SandboxAdmin, method: str, path: str, body: Any = None) -> dict[str, Any]:
        calls.append((method, path, body))
        return dict(body or {"seconds": 28_800})

    monkeypatch.setattr(SandboxAdmin, "_call", call)
    monkeypatch.setattr(SandboxAdmin, "of", staticmethod(lambda home: SandboxAdmin("http://sandbox", "token")))
    monkeypatch.setattr(sandbox_calls, "home_or_fail", lambda: None)
    return calls


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["sandbox", "futures", *arguments])
    return result.exit_code, result.output


def test_wallets_are_funded(asked: list[tuple[str, str, Any]]) -> None:
    assert run("deposit", "KEY", "10.50")[0] == 0
    assert run("withdraw", "KEY", "1")[0] == 0
    assert asked == [
        ("POST", "/admin/futures/deposits", {"api_key": "KEY", "amount": "10.50"}),
        ("POST", "/admin/futures/withdrawals", {"api_key": "KEY", "amount": "1"}),
    ]
    for wrong in ("0", "x", "NaN"):
        assert run("deposit", "KEY", wrong)[0] == 1
    assert Decimal(asked[0][2]["amount"]) == Decimal("10.5")


def test_funding_is_settled_and_paced(asked: list[tuple[str, str, Any]]) -> None:
    code, text = run("fund", "BTCUSDT", "--rate", "-0.0001", "--json")
    assert (code, json.loads(text)) == (0, {"symbol": "BTCUSDT", "rate": "-0.0001"})
    assert run("fund")[0] == 0
    assert run("funding-interval", "60")[0] == 0
    assert "28800" in run("funding-interval")[1]
    assert asked[1:] == [
        ("POST", "/admin/futures/funding", {}),
        ("POST", "/admin/futures/funding-interval", {"seconds": 60}),
        ("GET", "/admin/futures/funding-interval", None),
    ]
