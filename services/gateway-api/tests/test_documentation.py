"""The OpenAPI document and Swagger UI."""

from __future__ import annotations

import json
import re
from typing import Any

import httpx
import pytest
from gateway_api.rest.application import openapi

OPEN = {"/", "/health"}


def each_operation() -> list[tuple[str, str, dict[str, Any]]]:
    paths = openapi()["paths"]
    return [(method, path, operation) for path, methods in paths.items() for method, operation in methods.items()]


@pytest.mark.parametrize(("method", "path", "operation"), each_operation())
def test_every_operation_is_documented(method: str, path: str, operation: dict[str, Any]) -> None:
    assert operation["summary"]
    assert operation["description"].rstrip().endswith(".")
    assert operation["tags"]
    success = operation["responses"].get("200") or operation["responses"]["201"]
    assert success["content"]["application/json"]["schema"], "no response model"
    if path in OPEN:
        assert "security" not in operation
        return
    assert operation["security"] == [{"HTTPBasic": []}]
    assert {"401", "422", "503"} <= set(operation["responses"])
    for parameter in operation.get("parameters", []):
        assert parameter["description"], parameter


def test_every_reference_resolves_and_names_are_unique() -> None:
    document = openapi()
    schemas = document["components"]["schemas"]
    for name in re.findall(r"#/components/schemas/([A-Za-z0-9_]+)", json.dumps(document)):
        assert name in schemas
    ids = [operation["operationId"] for _, _, operation in each_operation()]
    assert len(ids) == len(set(ids))
    assert document["components"]["securitySchemes"]["HTTPBasic"]["scheme"] == "basic"
    assert document["openapi"].startswith("3.1")


def test_every_filter_field_is_described() -> None:
    schemas = openapi()["components"]["schemas"]
    for name in ("OrderFilterRequest", "TradeFilterRequest", "PortfolioHistoryFilterRequest", "PortfolioStateFilterRequest"):
        for field, schema in schemas[name]["properties"].items():
            assert schema.get("description") or any("description" in one for one in schema.get("anyOf", [])), (name, field)


async def test_swagger_ui_needs_no_other_host(anonymous: httpx.AsyncClient) -> None:
    page = (await anonymous.get("/docs")).text
    assert not re.findall(r"""(?:src|href)=["'](?:https?:)?//""", page)
    for asset in re.findall(r"""(?:src|href)=["'](/[^"']+)""", page):
        response = await anonymous.get(asset)
        assert response.status_code == 200, asset
        assert len(response.content) > 100
    assert (await anonymous.get("/openapi.json")).json() == openapi()
    assert (await anonymous.get("/docs/unknown.js")).status_code == 404
