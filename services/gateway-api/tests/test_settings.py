"""Settings as operators write them."""

from __future__ import annotations

from pathlib import Path

import pytest
from gateway_api.settings import Settings

REQUIRED = "GATEWAY_API_NATS_URL=nats://g:secret@127.0.0.1:4222\nGATEWAY_API_USERNAME=u\nGATEWAY_API_PASSWORD_HASH='$argon2id$v=19$x'\n"


@pytest.fixture
def env_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "gateway-api.env"
    monkeypatch.setenv("HUMMINGBUS_ENV_FILE", str(path))
    return path


def test_defaults(env_file: Path) -> None:
    env_file.write_text(REQUIRED)
    settings = Settings()
    assert (settings.host, settings.port, settings.venue) == ("127.0.0.1", 8000, "sandbox")
    assert settings.password_hash.get_secret_value() == "$argon2id$v=19$x"
    assert settings.cors_allow_origins == ()
    assert settings.cors_allow_origin_regex == r"https?://(localhost|127\.0\.0\.1)(:\d+)?"
    assert settings.cors_allow_methods == ("*",)
    assert "secret" not in repr(settings)
    assert "argon2id" not in repr(settings)


@pytest.mark.parametrize("origins", ['["https://a.example","https://b.example"]', "https://a.example, https://b.example"])
def test_lists_as_json_or_with_commas(env_file: Path, origins: str) -> None:
    env_file.write_text(f"{REQUIRED}CORS_ALLOW_ORIGINS='{origins}'\nCORS_ALLOW_ORIGIN_REGEX=\nGATEWAY_API_PORT=8123\n")
    settings = Settings()
    assert settings.cors_allow_origins == ("https://a.example", "https://b.example")
    assert settings.cors_allow_origin_regex == ""
    assert settings.port == 8123
