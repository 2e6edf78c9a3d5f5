"""Settings as operators write them."""

from __future__ import annotations

from pathlib import Path

import pytest
from gateway_api.domain.limits import Bounds
from gateway_api.settings import Settings
from pydantic import ValidationError
from service_kit.certificates import CertificateUnusable

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


def test_bounds_and_proxies(env_file: Path) -> None:
    env_file.write_text(
        f"{REQUIRED}GATEWAY_API_MAX_BODY=4096\nGATEWAY_API_MAX_DEPTH=8\nGATEWAY_API_BODY_TIMEOUT=1.5\n"
        "GATEWAY_API_TRUSTED_PROXIES='10.0.0.0/8, ::1'\n"
    )
    settings = Settings()
    assert settings.bounds == Bounds(body=4096, depth=8, body_milliseconds=1500)
    assert [str(each) for each in settings.trusted_proxies] == ["10.0.0.0/8", "::1/128"]
    assert settings.identity() is None


@pytest.mark.parametrize(
    "line", ["GATEWAY_API_TRUSTED_PROXIES=proxy.example", "GATEWAY_API_MAX_BODY=2000000", "GATEWAY_API_HEAD_TIMEOUT=0"]
)
def test_what_cannot_be_is_named(env_file: Path, line: str) -> None:
    env_file.write_text(f"{REQUIRED}{line}\n")
    with pytest.raises(ValidationError, match=line.partition("=")[0].removeprefix("GATEWAY_API_").lower()):
        Settings()


def test_half_a_tls_configuration_is_named(env_file: Path) -> None:
    env_file.write_text(f"{REQUIRED}GATEWAY_API_TLS_CERT=/somewhere/cert.pem\n")
    with pytest.raises(CertificateUnusable, match="GATEWAY_API_TLS_KEY is needed beside GATEWAY_API_TLS_CERT"):
        Settings().identity()
    env_file.write_text(f"{REQUIRED}GATEWAY_API_TLS_CERT=/nowhere/cert.pem\nGATEWAY_API_TLS_KEY=/nowhere/key.pem\n")
    with pytest.raises(CertificateUnusable, match=r"GATEWAY_API_TLS_CERT: /nowhere/cert\.pem cannot be read"):
        Settings().identity()
