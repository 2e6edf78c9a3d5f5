"""OpenAPI of the gateway and AsyncAPI of every service on the bus, from the composed applications, without connecting."""

from __future__ import annotations

import base64
import importlib
import json
import tomllib
from pathlib import Path
from typing import Any

from pydantic import SecretStr

PLACEHOLDERS: dict[Any, Any] = {
    str: "nats://documentation:documentation@127.0.0.1:4222",
    SecretStr: base64.b64encode(bytes(32)).decode(),
    int: 1,
    Path: "documentation",
}


def bus_services() -> list[str]:
    """The services that run on service_kit, by folder name."""
    projects = sorted(Path("services").glob("*/pyproject.toml"))
    return [
        path.parent.name for path in projects if "service-kit" in tomllib.loads(path.read_text())["project"]["dependencies"]
    ]


def documentation_settings(package: str) -> Any:
    """The service's settings with placeholders where a value is required: enough to compose, never to connect."""
    settings = importlib.import_module(f"{package}.settings").Settings
    required = {name: field for name, field in settings.model_fields.items() if field.is_required()}
    return settings(venue="live", **{name: PLACEHOLDERS[field.annotation] for name, field in required.items()})


def _text(document: dict[str, Any]) -> str:
    return json.dumps(document, indent=1, sort_keys=True) + "\n"


def asyncapi(service: str) -> str:
    """The AsyncAPI document of a service."""
    package = service.replace("-", "_")
    built = importlib.import_module(f"{package}.app").build(documentation_settings(package))
    return _text(built.asyncapi())


def openapi() -> str:
    """The gateway's OpenAPI document."""
    return _text(importlib.import_module("gateway_api.app").openapi())


def graphql() -> str:
    """The gateway's GraphQL schema, in its own language."""
    return str(importlib.import_module("gateway_api.graphql.schema").sdl())
