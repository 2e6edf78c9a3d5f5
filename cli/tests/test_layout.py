"""The layout: who gets which settings, and what external servers leave out."""

from __future__ import annotations

from pathlib import Path

import pytest
from dotenv import dotenv_values
from hummingbus.home import Home
from hummingbus.secrets import ensure_secrets
from hummingbus.settings import StackSettings
from hummingbus.stack.layout import Layout, wanted_ports


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    home.open()
    return home


def layout(home: Home, **changes: object) -> Layout:
    settings = StackSettings(home=home.path, **changes)  # type: ignore[arg-type]
    ports = {name: 20_000 + number for number, name in enumerate(wanted_ports(settings))}
    return Layout(home, settings, ensure_secrets(home, settings), ports)


def test_programs_start_after_what_they_need(home: Home) -> None:
    names = [[program.name for program in group] for group in layout(home).groups()]
    assert names == [["postgres", "nats", "sandbox-exchange"], ["accounts", "market-data", "trading"], ["gateway-api"]]


def test_trading_replicas_are_processes_with_ports_and_settings_of_their_own(home: Home) -> None:
    stack = layout(home, trading_replicas=3, services={"trading": {"TRADING_LOG_LEVEL": "DEBUG"}})
    assert [program.name for program in stack.groups()[1]] == ["accounts", "market-data", "trading", "trading-2", "trading-3"]
    replicas = [stack.environments()[name] for name in ("trading", "trading-2", "trading-3")]
    assert [each["TRADING_REPLICA"] for each in replicas] == ["trading-1", "trading-2", "trading-3"]
    assert len({each["TRADING_HEALTH_PORT"] for each in replicas}) == 3
    assert {each["TRADING_LOG_LEVEL"] for each in replicas} == {"DEBUG"}


def test_replicas_of_market_data_are_processes_with_ports_and_settings_of_their_own(home: Home) -> None:
    stack = layout(
        home, market_data_replicas=2, trading_replicas=2, services={"market-data": {"MARKET_DATA_LOG_LEVEL": "DEBUG"}}
    )
    names = [program.name for program in stack.groups()[1]]
    assert names == ["accounts", "market-data", "market-data-2", "trading", "trading-2"]
    replicas = [stack.environments()[name] for name in ("market-data", "market-data-2")]
    assert [each["MARKET_DATA_REPLICA"] for each in replicas] == ["market-data-1", "market-data-2"]
    assert len({each["MARKET_DATA_HEALTH_PORT"] for each in replicas}) == 2
    assert {each["MARKET_DATA_LOG_LEVEL"] for each in replicas} == {"DEBUG"}
    assert len({each["MARKET_DATA_CANDLE_DIR"] for each in replicas}) == 1


def test_external_servers_replace_ours(home: Home) -> None:
    stack = layout(home, nats_url="nats://u:p@bus:4222", database_url="postgresql://u:p@db/x", venue="live")
    names = [[program.name for program in group] for group in stack.groups()]
    assert names == [[], ["accounts", "market-data", "trading"], ["gateway-api"]]
    accounts = stack.environments()["accounts"]
    assert accounts["ACCOUNTS_NATS_URL"] == "nats://u:p@bus:4222"
    assert accounts["ACCOUNTS_DATABASE_URL"] == "postgresql://u:p@db/x"
    assert "MARKET_DATA_SANDBOX_URL" not in stack.environments()["market-data"]
    assert "TRADING_SANDBOX_URL" not in stack.environments()["trading"]


def test_no_secret_is_on_a_command_line_or_in_an_environment(home: Home) -> None:
    stack = layout(home)
    secrets = [value for name, value in stack.secrets.values.items() if "_made" not in name]
    visible = [text for group in stack.groups() for one in group for text in (*one.argv, *one.environment.values())]
    assert not [text for text in visible for secret in secrets if secret in text]


def test_each_service_reads_its_own_secrets_only(home: Home) -> None:
    stack = layout(home)
    stack.write_environment_files()
    files = {service: home.environment_file(service) for service in stack.environments()}
    assert {oct(file.stat().st_mode & 0o777) for file in files.values()} == {"0o600"}
    texts = {service: str(dict(dotenv_values(file))) for service, file in files.items()}

    def readers(secret: str) -> set[str]:
        return {service for service, text in texts.items() if stack.secrets[secret] in text}

    assert readers("config_password") == {"accounts"}
    assert readers("transport_key") == {"accounts", "trading"}
    assert readers("postgres_trading") == {"trading"}
    assert readers("nats_gateway-api") == {"gateway-api"}
    assert readers("sandbox_admin_token") == {"sandbox-exchange"}
    assert readers("postgres_superuser") == readers("nats_operator") == set()


def test_what_the_operator_sets_for_a_service_wins(home: Home) -> None:
    stack = layout(home, services={"trading": {"TRADING_LOG_LEVEL": "DEBUG"}})
    assert stack.environments()["trading"]["TRADING_LOG_LEVEL"] == "DEBUG"


def test_services_send_their_traces_where_the_operator_says(home: Home) -> None:
    traced = layout(home, otlp_endpoint="http://collector:4318").environments()
    for service in ("accounts", "trading", "market-data", "gateway-api"):
        name = f"{service.replace('-', '_').upper()}_OTLP_ENDPOINT"
        assert traced[service][name] == "http://collector:4318"
        assert name not in layout(home).environments()[service]
