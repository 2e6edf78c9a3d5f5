"""A scaffolded service is complete and entered everywhere; `make new-service` itself is tried in tests/integration."""

from __future__ import annotations

import shutil
import tomllib
from pathlib import Path

import pytest

from tools.fitness.project import service_shape
from tools.scaffold.__main__ import NameRefused, scaffold

PROJECT = Path(__file__).parents[2] / "pyproject.toml"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    shutil.copy(PROJECT, tmp_path / "pyproject.toml")
    return tmp_path


def test_new_services_have_the_shape_and_are_entered(root: Path) -> None:
    names = ("funding-watch", "tax-report")
    for name in names:
        scaffold(root, name)
    assert list(service_shape(root)) == []
    project = tomllib.loads((root / "pyproject.toml").read_text())
    linter = project["tool"]["importlinter"]
    for name in names:
        package = name.replace("-", "_")
        assert name in project["project"]["dependencies"]
        assert project["tool"]["uv"]["sources"][name] == {"workspace": True}
        assert f"services/{name}/src" in project["tool"]["mypy"]["mypy_path"]
        assert package in linter["root_packages"]
        assert package in linter["contracts"][0]["layers"][0]
        assert package in linter["contracts"][1]["containers"]


@pytest.mark.parametrize("name", ["", "Price", "funding_watch", "../x", "1st"])
def test_a_bad_name_is_refused_and_nothing_is_written(root: Path, name: str) -> None:
    before = (root / "pyproject.toml").read_text()
    with pytest.raises(NameRefused):
        scaffold(root, name)
    assert (root / "pyproject.toml").read_text() == before
    assert not (root / "services").exists()


def test_an_existing_service_is_not_overwritten(root: Path) -> None:
    scaffold(root, "quotes")
    with pytest.raises(NameRefused, match="exists"):
        scaffold(root, "quotes")
