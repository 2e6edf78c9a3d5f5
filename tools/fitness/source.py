"""The project's Python files, parsed once for all rules."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOTS = ("libs", "services", "cli", "tools", "tests", "bench")


@dataclass(frozen=True)
class Violation:
    """One place that breaks one rule."""

    path: str
    line: int
    rule: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.rule}: {self.message}"


@dataclass(frozen=True)
class Source:
    """One Python file; `path` is relative to the project."""

    path: str
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        """The parsed module."""
        return ast.parse(self.text, filename=self.path)

    @property
    def is_test(self) -> bool:
        """Whether the file is part of a test suite."""
        return "tests" in Path(self.path).parts or Path(self.path).name == "conftest.py"

    @property
    def service(self) -> str | None:
        """The service the file belongs to, if any."""
        parts = Path(self.path).parts
        return parts[1] if parts[0] == "services" else None

    @property
    def module(self) -> tuple[str, ...]:
        """The path below `src/<package>/`, without the suffix; empty for files elsewhere."""
        parts = Path(self.path).with_suffix("").parts
        return parts[parts.index("src") + 2 :] if "src" in parts else ()

    def imports(self) -> Iterator[tuple[int, str]]:
        """(line, absolute module) of every import statement, wherever it stands."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    yield node.lineno, alias.name
            elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
                yield node.lineno, node.module


def sources(root: Path) -> list[Source]:
    """Every Python file of the project below `root`."""
    files = [path for folder in ROOTS for path in sorted((root / folder).rglob("*.py")) if ".venv" not in path.parts]
    files += sorted(root.glob("*.py"))
    return [Source(str(path.relative_to(root)), path.read_text()) for path in files]
