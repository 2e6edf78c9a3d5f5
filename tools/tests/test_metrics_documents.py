"""The metrics of the composed services, their documentation and the alert rules name the same things."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml

from tools.generate.services import bus_services, documentation_settings

ROOT = Path(__file__).parents[2]
ROW = re.compile(r"^\| `(hummingbus_\w+)` \|([^|]*)\|", re.MULTILINE)
NAME = re.compile(r"hummingbus_\w+")
BOUNDED = {
    *("kind", "message", "outcome", "code", "task", "noun", "consumer", "state", "account", "connector"),
    *("stage", "method", "route", "status", "path", "type", "reason"),
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


def parts(expression: promql_parser.Expr) -> Iterator[promql_parser.Expr]:
    """The expression and all within it."""
    yield expression
    inner = [getattr(expression, name) for name in ("lhs", "rhs", "expr", "vector_selector") if hasattr(expression, name)]
    for each in (*inner, *(getattr(expression, "args", None) or ())):
        yield from parts(each)


def labels_of(series: str) -> set[str]:
    """The labels that a series of ours has, with those that Prometheus adds; KeyError when there is no such metric."""
    name = re.sub(r"_(bucket|sum|count)$", "", series)
    return {*declared()[name], "instance", "job", *({"le"} if series.endswith("_bucket") else set())}


def series_of(expression: promql_parser.Expr) -> dict[str, set[str]]:
    """The series an expression selects, with the labels it matches on each."""
    selectors = [each for each in parts(expression) if isinstance(each, promql_parser.VectorSelector)]
    return {str(each.name): {matcher.name for matcher in each.matchers.matchers} for each in selectors}


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: str(rule["alert"]))
def test_alert_rules_are_promql_over_metrics_and_labels_that_exist(
    rule: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    parsed = promql_parser.parse(rule["expr"])
    series = series_of(parsed)
    assert series
    for name, matched in series.items():
        assert matched <= labels_of(name), name
    left = set.intersection(*(labels_of(name) for name in series))
    for each in parts(parsed):
        if isinstance(each, promql_parser.AggregateExpr) and each.modifier is not None:
            assert set(each.modifier.labels) <= left
            left &= set(each.modifier.labels)
    told = " ".join(rule["annotations"].values())
    assert set(re.findall(r"\$labels\.(\w+)", told)) <= left
    assert set(NAME.findall(told)) <= set(declared())


@pytest.mark.parametrize(
    ("expression", "error"),
    [("sum by (", ValueError), ("rate(hummingbus_ready) > 1", ValueError), ("hummingbus_reaady == 0", KeyError)],
)
def test_the_check_finds_what_is_wrong(expression: str, error: type[Exception], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    with pytest.raises(error):
        [labels_of(name) for name in series_of(promql_parser.parse(expression))]


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
