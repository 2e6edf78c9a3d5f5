"""`make migration SERVICE=trading SAY="index orders by day"`: draft the next revision from what the code changed."""

from __future__ import annotations

import asyncio
import importlib
import subprocess
import sys
import tempfile
from pathlib import Path

from eventlog import migration
from hummingbus import embedded
from service_kit.service import Service

from tools.generate.services import documentation_settings


def composed(service: str, database_url: str) -> Service:
    """A service with its own database and placeholders for all other settings; it is never started."""
    package = service.replace("-", "_")
    settings = documentation_settings(package).model_copy(update={"database_url": database_url})
    built: Service = importlib.import_module(f"{package}.app").build(settings)
    return built


def draft(service: str, message: str) -> Path:
    """Write the revision's file; ValueError for a service without tables."""
    with tempfile.TemporaryDirectory(prefix="hummingbus-migration-") as name:
        directory = Path(name)
        directory.chmod(0o755)  # as root, Postgres runs as another user and must get there
        with embedded.running_postgres(directory) as cluster:
            log = composed(service, cluster.url()).log
            if log is None:
                text = f"{service} has no event log"
                raise ValueError(text)
            return Path(asyncio.run(migration.draft(log.schema, message)))


def main() -> int:
    """The command."""
    service, message = sys.argv[1:]
    if not message:
        print("SAY what the revision does, e.g. SAY='index orders by day'")
        return 1
    written = draft(service, message)
    subprocess.run([Path(sys.executable).with_name("ruff"), "format", "-q", written], check=True)
    print(f"wrote {written.relative_to(Path.cwd())}: read it, say what happens to the rows, then `make check`")
    return 0


if __name__ == "__main__":
    sys.exit(main())
