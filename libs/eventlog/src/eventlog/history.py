"""A history: the revisions of a schema's tables, oldest first, as files of one directory. Reading it imports no Alembic."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from eventlog.errors import SchemaNewer

_FILE = re.compile(r"^([a-z][a-z0-9_]*_\d{4})_[a-z0-9_]+\.py$")
_ENVIRONMENT = Path(__file__).parent / "environment"


@dataclass(frozen=True)
class History:
    """Revisions `<name>_0001`, `<name>_0002`, ... without branches; `table` says in each schema how far it has come."""

    name: str
    directory: Path
    table: str

    @cached_property
    def revisions(self) -> tuple[str, ...]:
        """The revisions, oldest first; ValueError for one that does not follow the one before it."""
        files = sorted(path.name for path in self.directory.glob("*.py") if path.name != "__init__.py")
        found = tuple(match[1] if (match := _FILE.match(file)) else file for file in files)
        expected = tuple(f"{self.name}_{number:04}" for number in range(1, len(found) + 1))
        if found != expected:
            msg = f"{self.directory}: the revisions must be {', '.join(expected)}; they are {', '.join(found)}"
            raise ValueError(msg)
        return found

    @property
    def head(self) -> str | None:
        """The newest revision; None while there is none."""
        return self.revisions[-1] if self.revisions else None

    @property
    def following(self) -> str:
        """The revision that would come next."""
        return f"{self.name}_{len(self.revisions) + 1:04}"

    def pending(self, at: str | None) -> tuple[str, ...]:
        """The revisions behind `at` (None: all of them); SchemaNewer when `at` is not among them."""
        if at is None:
            return self.revisions
        if at not in self.revisions:
            raise SchemaNewer(self.name, at, self.head)
        return self.revisions[self.revisions.index(at) + 1 :]

    @staticmethod
    def environment() -> Path:
        """The directory of Alembic's `env.py` and of the template for new revisions."""
        return _ENVIRONMENT


LOG = History("log", Path(__file__).parent / "migrations", "log_version")
"""The log's own tables, the same in every service."""


def of_service(context: str, directory: Path) -> History:
    """The history of a service's other tables: its views', and those it keeps beside them."""
    return History(context, directory, "schema_version")
