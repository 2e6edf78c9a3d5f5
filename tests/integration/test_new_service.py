"""`make new-service` gives a service that passes the checks, tried on a copy of the project."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]

pytestmark = pytest.mark.timeout(1800)


@pytest.fixture
def copy() -> Iterator[Path]:
    """The project as git would commit it now, where every user may read it."""
    folder = Path(tempfile.mkdtemp(prefix="hummingbus-copy-"))
    folder.chmod(0o755)
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    files = subprocess.run(listed, cwd=PROJECT, capture_output=True, text=True, check=True).stdout.splitlines()
    for name in files:
        if (PROJECT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(PROJECT / name, folder / name)
    if (PROJECT / ".mypy_cache").is_dir():  # what `make lint` found out about the files that are the same
        shutil.copytree(PROJECT / ".mypy_cache", folder / ".mypy_cache")
    yield folder
    shutil.rmtree(folder)


def make(folder: Path, *arguments: str) -> str:
    """Run `make`; its output. Fails the test when it fails."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "VIRTUAL_ENV", "MAKE"))}
    done = subprocess.run(["make", *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, (
        f"make {' '.join(arguments)} -> {done.returncode}\n{done.stdout[-5000:]}\n{done.stderr[-5000:]}"
    )
    return done.stdout


def test_a_new_service_passes_the_checks(copy: Path) -> None:
    make(copy, "new-service", "NAME=price-alerts")
    assert (copy / "docs/generated/asyncapi-price-alerts.json").exists()
    assert "fitness: 0 violations" in make(copy, "lint")
    # Its own tests, and those that look at every service.
    make(copy, "unit", "TESTS=services/price-alerts tools libs/contracts cli/tests/test_layout.py")


def test_a_bad_name_is_refused(copy: Path) -> None:
    done = subprocess.run(
        ["python3.12", "-m", "tools.scaffold", "Price_Alerts"], cwd=copy, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "lower-case words" in done.stdout
    assert not (copy / "services/Price_Alerts").exists()
