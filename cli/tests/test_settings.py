"""Settings: which source wins, and the reference's names."""

from __future__ import annotations

from pathlib import Path

import pytest
from hummingbus.settings import SettingsInvalid, load_settings


@pytest.fixture
def dotenv(tmp_path: Path) -> Path:
    return tmp_path / ".env"


def test_defaults(dotenv: Path) -> None:
    settings = load_settings({}, dotenv)
    assert settings.home == Path.cwd() / ".hummingbus"
    assert (settings.port, settings.venue, settings.username, settings.password) == (None, "sandbox", "admin", None)


def test_a_shells_username_is_not_the_login(dotenv: Path) -> None:
    assert load_settings({"USERNAME": "root"}, dotenv).username == "admin"
    assert load_settings({"USERNAME": "ada", "PASSWORD": "p"}, dotenv).username == "ada"
    dotenv.write_text("USERNAME=grace\nPASSWORD=filed\n")
    settings = load_settings({"USERNAME": "root"}, dotenv)
    assert (settings.username, settings.password) == ("grace", "filed")


def test_the_real_environment_wins_over_the_file(dotenv: Path) -> None:
    dotenv.write_text("HUMMINGBUS_PORT=9001\nCONFIG_PASSWORD=filed\n")
    settings = load_settings({"CONFIG_PASSWORD": "real"}, dotenv)
    assert (settings.port, settings.config_password) == (9001, "real")


@pytest.mark.parametrize("text", ['["NAV", "ARS"]', "NAV,ARS", " NAV , ARS, "])
def test_banned_tokens_as_json_or_list(dotenv: Path, text: str) -> None:
    assert load_settings({"BANNED_TOKENS": text}, dotenv).services["accounts"]["BANNED_TOKENS"] == '["NAV", "ARS"]'


def test_the_references_database_url_loses_its_driver(dotenv: Path) -> None:
    settings = load_settings({"DATABASE_URL": "postgresql+asyncpg://u:p@db:5432/x"}, dotenv)
    assert settings.database_url == "postgresql://u:p@db:5432/x"


def test_a_services_own_variables_are_handed_on(dotenv: Path) -> None:
    services = load_settings({"CORS_ALLOW_ORIGINS": '["https://a"]', "TRADING_LOG_LEVEL": "DEBUG"}, dotenv).services
    assert services["gateway-api"] == {"CORS_ALLOW_ORIGINS": '["https://a"]'}
    assert services["trading"] == {"TRADING_LOG_LEVEL": "DEBUG"}


@pytest.mark.parametrize(
    ("variable", "value"), [("HUMMINGBUS_PORT", "eighty"), ("HUMMINGBUS_VENUE", "mars"), ("BANNED_TOKENS", "[")]
)
def test_a_wrong_value_names_its_variable(dotenv: Path, variable: str, value: str) -> None:
    with pytest.raises(SettingsInvalid, match=variable):
        load_settings({variable: value}, dotenv)


def test_secrets_are_not_shown(dotenv: Path) -> None:
    settings = load_settings({"PASSWORD": "canary", "CONFIG_PASSWORD": "canary", "NATS_URL": "nats://u:canary@h"}, dotenv)
    assert "canary" not in repr(settings)


def test_files_of_the_certificate_are_meant_from_here(dotenv: Path) -> None:
    dotenv.write_text("GATEWAY_API_TLS_CERT=tls/cert.pem\nGATEWAY_API_TLS_KEY=/etc/key.pem\n")
    settings = load_settings({}, dotenv)
    given = settings.services["gateway-api"]
    assert given["GATEWAY_API_TLS_CERT"] == str(Path.cwd() / "tls/cert.pem")
    assert given["GATEWAY_API_TLS_KEY"] == "/etc/key.pem"
    assert settings.scheme == "https"
    assert load_settings({}, dotenv.with_name("none")).scheme == "http"
