"""The operators' commands, as far as they go without a stack."""

from __future__ import annotations

from pathlib import Path

import pytest
from hummingbus.__main__ import app
from typer.testing import CliRunner


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUMMINGBUS_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ("verify gateway-api", "gateway-api has no event log; those with one: accounts, trading"),
        ("tail cmd.>", "no subject of events"),
        ("tail", "Down. Start with: hummingbus up"),
        ("dlq list", "Down. Start with: hummingbus up"),
        ("dlq retry", "or give --all"),
        ("dlq retry 1 --all", "or give --all"),
        ("verify accounts", "start this installation once"),
        ("replay nobody", "nobody has no event log"),
        ("replay trading orders", "start this installation once"),
        ("history order-1", "a stream is named"),
        ("history trading.order-1", "start this installation once"),
        ("history trading.order-1 --at yesterday", "not a time"),
        ("history trading.order-1 --at 2026-01-31T12:00:00", "say which zone, e.g. 2026-01-31T12:00:00Z"),
        ("history trading.order-1 --at 2026-01-31T12:00:00Z --at-version 1", "not both"),
    ],
)
def test_what_cannot_be_done_is_said(arguments: str, why: str) -> None:
    result = CliRunner().invoke(app, arguments.split())
    assert result.exit_code == 1
    assert why in result.output
