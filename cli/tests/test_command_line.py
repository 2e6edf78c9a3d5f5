"""The `hummingbus` command: each of its commands is there, and only the one that is asked for is imported."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hummingbus.__main__ import FILES, app
from typer.testing import CliRunner

ASKED = """
import sys
from contextlib import suppress
from hummingbus.__main__ import app
with suppress(SystemExit):
    app(["status"])
print("hummingbus.commands.status" in sys.modules, "nats" in sys.modules)
"""


@pytest.mark.parametrize("name", FILES)
def test_each_command_is_where_the_table_says(name: str) -> None:
    told = CliRunner().invoke(app, [name, "--help"])
    assert told.exit_code == 0
    assert f"{name} [OPTIONS]" in told.output


def test_a_similar_name_is_proposed() -> None:
    assert "Did you mean 'status'" in CliRunner().invoke(app, ["statu"]).output


def test_a_command_is_imported_without_the_others(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", ASKED], capture_output=True, text=True, check=True, cwd=tmp_path, timeout=60)
    assert done.stdout.splitlines()[-1] == "True False"
