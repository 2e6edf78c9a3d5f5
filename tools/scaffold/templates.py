"""The files of a new service. `$service` is its name, `$package` its package, `$prefix` its settings prefix."""

from __future__ import annotations

PYPROJECT = """[project]
name = "$service"
version = "0.1.0"
description = "$service: say in one line what it owns"
requires-python = ">=3.12,<3.13"
dependencies = [
    "service-kit",
    "contracts",
    "eventlog",
]

[build-system]
requires = ["uv_build>=0.9,<1"]
build-backend = "uv_build"

[tool.uv.sources]
contracts = { workspace = true }
eventlog = { workspace = true }
service-kit = { workspace = true }
"""

INIT = '"""$service: say in one line what it owns."""\n'

MAIN = '''"""Run the service."""

from __future__ import annotations

from service_kit.service import run

from $package.app import build
from $package.settings import Settings

if __name__ == "__main__":
    run(build(Settings()))
'''

SETTINGS = '''"""Settings of the service, from the environment."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import SettingsConfigDict
from service_kit.settings import ServiceSettings


class Settings(ServiceSettings):
    """What the operator may set, each with the prefix `$prefix`."""

    model_config = SettingsConfigDict(env_prefix="$prefix")

    database_url: str = Field(repr=False)
'''

APP = '''"""The composition root: the only module that knows all the others."""

from __future__ import annotations

from eventlog.log import EventLog
from service_kit.service import Service

from $package import migrations
from $package.settings import Settings


def build(settings: Settings) -> Service:
    """The composed service; connects to nothing until it is run."""
    log = EventLog(settings.database_url, context="$package", migrations=migrations.DIRECTORY)
    return Service("$service", settings, log=log)
'''

MIGRATIONS = '''"""Revisions of the service's tables. One that was released is never changed."""

from __future__ import annotations

from pathlib import Path

DIRECTORY = Path(__file__).parent
'''

TEST_APP = '''"""The service can be composed and documented without connecting."""

from __future__ import annotations

from $package.app import build
from $package.settings import Settings


def test_the_service_composes() -> None:
    service = build(Settings(nats_url="nats://127.0.0.1:4222", database_url="postgresql://nowhere"))
    assert service.asyncapi()["info"]["title"] == "$service"
'''

FILES = {
    "pyproject.toml": PYPROJECT,
    "src/$package/__init__.py": INIT,
    "src/$package/__main__.py": MAIN,
    "src/$package/app.py": APP,
    "src/$package/settings.py": SETTINGS,
    "src/$package/migrations/__init__.py": MIGRATIONS,
    "src/$package/py.typed": "",
    "tests/test_app_$package.py": TEST_APP,
}
