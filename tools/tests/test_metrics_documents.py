"""The metrics of the composed services, their documentation and the alert rules name the same things."""

from __future__ import annotations

import importlib
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from tools.generate.services import bus_services, documentation_settings

ROOT = Path(__file__).parents[2]
ROW = re.compile(r"^\| `(hummingbus_\w+)` \|([^|]*)\|", re.MULTILINE)
NAME = re.compile(r"hummingbus_\w+")
BOUNDED = {
    *("kind", "message", "outcome", "code", "task", "noun", "consumer", "state", "account", "connector"),
    *("stage", "method", "route", "status"),
}


@cache
def declared() -> dict[str, tuple[str, ...]]:
    """The labels of each metric of any service."""
    found: dict[str, tuple[str, ...]] = {}
    for service in bus_services():
        package = service.replace("-", "_")
        built = importlib.import_module(f"{package}.app").build(documentation_settings(package))
        found |= {name: labels for name, (_, labels) in built.metrics.declared().items()}
    return found


def rules() -> list[dict[str, Any]]:
    document = yaml.safe_load((ROOT / "deploy/prometheus/alerts.yaml").read_text())
    return [rule for group in document["groups"] for rule in group["rules"]]


def test_every_metric_is_documented_with_its_labels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    rows = ROW.findall((ROOT / "docs/how-to/metrics.md").read_text())
    documented = {name: tuple(re.findall(r"`(\w+)`", labels)) for name, labels in rows}
    assert len(rows) == len(documented)
    assert documented == declared()


def test_alert_rules_name_metrics_that_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    expressions = [rule["expr"] for rule in rules()]
    named = {re.sub(r"_(bucket|sum|count)$", "", name) for text in expressions for name in NAME.findall(text)}
    advised = {name for rule in rules() for name in NAME.findall(" ".join(rule["annotations"].values()))}
    assert named | advised <= set(declared())


def test_alert_rules_say_what_is_wrong_and_what_to_do() -> None:
    assert len({rule["alert"] for rule in rules()}) == len(rules())
    for rule in rules():
        assert rule["labels"]["severity"] in {"warning", "critical"}
        assert set(rule["annotations"]) == {"summary", "action"}


def test_names_and_labels_follow_the_conventions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    for name, labels in declared().items():
        assert re.fullmatch(r"hummingbus_[a-z_]+", name)
        assert set(labels) <= BOUNDED
