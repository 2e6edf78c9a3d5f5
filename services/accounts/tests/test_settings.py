"""Settings with the reference's names, and the composed service."""

from __future__ import annotations

import base64
from datetime import timedelta
from pathlib import Path

import pytest
from accounts.app import build
from accounts.settings import Settings
from pydantic import ValidationError

KEY = base64.b64encode(b"t" * 32).decode()
GIVEN = {
    "ACCOUNTS_NATS_URL": "nats://127.0.0.1:1",
    "ACCOUNTS_DATABASE_URL": "postgresql://accounts:database-canary@127.0.0.1:1/hummingbus",
    "ACCOUNTS_CONFIG_PASSWORD": "password-canary",
    "ACCOUNTS_TRANSPORT_KEY": KEY,
}


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in GIVEN.items():
        monkeypatch.setenv(name, value)


def test_the_defaults_are_the_reference_s() -> None:
    settings = Settings()
    assert settings.update_interval == timedelta(minutes=5)
    assert settings.banned_tokens == ("NAV", "ARS", "ETHW", "ETHF")
    assert settings.venue == "sandbox"


@pytest.mark.parametrize("text", ['["NAV", "XYZ"]', "NAV,XYZ", " NAV , XYZ ,"])
def test_banned_tokens_may_be_json_or_separated_by_commas(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("BANNED_TOKENS", text)
    assert Settings().banned_tokens == ("NAV", "XYZ")


def test_settings_come_from_the_service_s_own_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "accounts.env"
    file.write_text("ACCOUNT_UPDATE_INTERVAL=0.05\nBANNED_TOKENS=A,B\nACCOUNTS_HISTORY_FULL_DAYS=3\n")
    monkeypatch.setenv("HUMMINGBUS_ENV_FILE", str(file))
    settings = Settings()
    assert settings.update_interval == timedelta(seconds=3)
    assert settings.banned_tokens == ("A", "B")
    assert settings.history_full_days == 3


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ACCOUNTS_TRANSPORT_KEY", "short-key-canary"),
        ("ACCOUNTS_TRANSPORT_KEY", base64.b64encode(b"x" * 31).decode()),
        ("ACCOUNT_UPDATE_INTERVAL", "0"),
        ("ACCOUNTS_CONFIG_PASSWORD", ""),
        ("BANNED_TOKENS", "[broken"),
    ],
)
def test_a_wrong_setting_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ValidationError) as refused:
        Settings()
    assert name.removeprefix("ACCOUNTS_").lower() in str(refused.value).lower()
    assert "canary" not in str(refused.value)


def test_no_secret_shows_in_the_settings() -> None:
    text = repr(Settings()) + str(Settings())
    assert "canary" not in text
    assert KEY not in text


def test_the_service_composes_without_connecting() -> None:
    document = build(Settings()).asyncapi()
    assert document["info"]["title"] == "accounts"
    assert "AddCredential" in str(document)
    assert "canary" not in str(document)
