"""The certificate of the API: shown at the start, examined by the doctor, refused before anything starts."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from hummingbus.__main__ import app
from hummingbus.doctor import certificate as check
from hummingbus.doctor.installation import Installation
from hummingbus.home import Home
from hummingbus.secrets import ensure_secrets
from hummingbus.settings import TLS_CERT, TLS_KEY, StackSettings
from hummingbus.stack.layout import Layout, wanted_ports
from typer.testing import CliRunner

from tests.certificates import DAY, NOW, certificate, new_key, private


@pytest.fixture
def settings(tmp_path: Path) -> StackSettings:
    key = new_key()
    files = {TLS_CERT: tmp_path / "cert.pem", TLS_KEY: tmp_path / "key.pem"}
    files[TLS_CERT].write_bytes(certificate(key))
    files[TLS_KEY].write_bytes(private(key))
    return StackSettings(home=tmp_path / "home", services={"gateway-api": {name: str(file) for name, file in files.items()}})


@pytest.fixture
def installation(settings: StackSettings) -> Installation:
    return Installation.read(settings)


def test_the_url_and_the_gateways_settings(settings: StackSettings) -> None:
    home = Home(settings.home)
    home.open()
    ports = dict.fromkeys(wanted_ports(settings), 20_000)
    layout = Layout(home, settings, ensure_secrets(home, settings), ports)
    assert layout.url == "https://127.0.0.1:20000"
    assert layout.environments()["gateway-api"][TLS_CERT] == settings.services["gateway-api"][TLS_CERT]


def test_the_doctor_warns_before_it_expires(installation: Installation) -> None:
    (fine,) = check.expiry(installation, NOW)
    assert (fine.status, fine.fix) == ("ok", None)
    assert "for localhost, 127.0.0.1, until" in fine.found
    (soon,) = check.expiry(installation, NOW + 77 * DAY)
    assert (soon.status, soon.fix) == ("warning", check.RENEW)
    assert list(check.expiry(Installation.read(StackSettings(home=installation.settings.home)))) == []


def test_the_doctor_names_what_cannot_be_used(installation: Installation) -> None:
    key = new_key()
    given = installation.settings.services["gateway-api"]
    Path(given[TLS_CERT]).write_bytes(certificate(key, NOW - 2 * DAY, NOW - timedelta(hours=1)))
    Path(given[TLS_KEY]).write_bytes(private(key))
    (finding,) = check.expiry(installation)
    assert finding.status == "failure"
    assert "GATEWAY_API_TLS_CERT: " in finding.found
    assert "has expired on" in finding.found


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({TLS_KEY: ""}, "GATEWAY_API_TLS_KEY is needed beside GATEWAY_API_TLS_CERT"),
        ({TLS_CERT: ""}, "GATEWAY_API_TLS_CERT is needed beside GATEWAY_API_TLS_KEY"),
        ({TLS_CERT: "/nowhere/cert.pem"}, "GATEWAY_API_TLS_CERT: /nowhere/cert.pem cannot be read: No such file or directory"),
    ],
)
def test_nothing_is_started_with_an_unusable_one(settings: StackSettings, changed: dict[str, str], told: str) -> None:
    environment = {**settings.services["gateway-api"], **changed, "HUMMINGBUS_HOME": str(settings.home)}
    result = CliRunner().invoke(app, ["up"], env=environment)
    assert (result.exit_code, result.stderr.strip()) == (1, told)
    assert Home(settings.home).supervisor() is None
