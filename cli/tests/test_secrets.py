"""Secrets: generated once, sealed at rest, usable at the next start."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from hummingbus.home import Home
from hummingbus.secrets import SecretsUnusable, ensure_secrets, load_secrets
from hummingbus.settings import StackSettings


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    home.open()
    return home


def test_the_first_start_shows_passwords_once(home: Home) -> None:
    settings = StackSettings()
    first = ensure_secrets(home, settings)
    again = ensure_secrets(home, settings)
    assert set(first.shown_once) == {"PASSWORD", "CONFIG_PASSWORD"}
    assert again.shown_once == {}
    assert again.values == first.values
    assert again.config_password(settings) == first.shown_once["CONFIG_PASSWORD"]
    assert PasswordHasher().verify(again.password_hash(settings), first.shown_once["PASSWORD"])
    assert len(base64.b64decode(again["transport_key"])) == 32


def test_nothing_readable_is_stored(home: Home) -> None:
    kept = ensure_secrets(home, StackSettings())
    files = [file for file in home.path.rglob("*") if file.is_file()]
    assert {oct(file.stat().st_mode & 0o777) for file in files} == {"0o600"}
    stored = b"".join(file.read_bytes() for file in files)
    for secret in (*kept.values.values(), *kept.shown_once.values()):
        assert secret.encode() not in stored
    assert kept.shown_once["PASSWORD"] not in kept.values.values()
    assert kept["transport_key"] not in repr(kept)


def test_values_of_the_environment_win_and_are_not_stored(home: Home) -> None:
    settings = StackSettings(password="mine", config_password="mine too")
    kept = ensure_secrets(home, settings)
    assert kept.shown_once == {}
    assert PasswordHasher().verify(kept.password_hash(settings), "mine")
    assert kept.config_password(settings) == "mine too"
    assert "admin_password_hash" not in kept.values
    assert "mine too" not in kept.values.values()


def test_a_config_password_that_is_no_longer_set_is_asked_for(home: Home) -> None:
    ensure_secrets(home, StackSettings(config_password="mine"))
    with pytest.raises(SecretsUnusable, match="CONFIG_PASSWORD"):
        ensure_secrets(home, StackSettings())


def test_without_the_machines_key_it_says_what_is_missing(home: Home) -> None:
    ensure_secrets(home, StackSettings())
    key = home.secrets / "machine.key"
    key.write_text(base64.b64encode(bytes(32)).decode())
    with pytest.raises(SecretsUnusable, match="restore"):
        load_secrets(home)
    key.unlink()
    with pytest.raises(SecretsUnusable, match=r"machine\.key is missing"):
        load_secrets(home)
