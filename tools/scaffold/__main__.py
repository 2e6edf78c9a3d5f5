"""`make new-service NAME=quotes`: write the service's files and enter it in the workspace's pyproject.toml."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from string import Template

from tools.scaffold.templates import FILES

NAME = re.compile(r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$")


class NameRefused(ValueError):
    """The name cannot be a service's."""


def scaffold(root: Path, name: str) -> list[Path]:
    """Write a service named `name` below `root`; returns the files. NameRefused when it exists or is no service name."""
    if not NAME.match(name):
        message = f"NAME={name!r}: lower-case words joined by dashes, as in market-data"
        raise NameRefused(message)
    folder = root / "services" / name
    if folder.exists():
        message = f"NAME={name!r}: {folder} exists"
        raise NameRefused(message)
    package = name.replace("-", "_")
    words = {"service": name, "package": package, "prefix": f"{package.upper()}_"}
    written = []
    for path, text in FILES.items():
        file = folder / Template(path).substitute(words)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(Template(text).substitute(words))
        written.append(file)
    project = root / "pyproject.toml"
    project.write_text(enter(project.read_text(), name, package))
    return written


def enter(project: str, name: str, package: str) -> str:
    """The workspace's pyproject.toml with the service in its dependencies, sources, mypy path and import contracts."""
    project = project.replace('    "accounts",\n', f'    "accounts",\n    "{name}",\n', 1)
    project = project.replace(
        "accounts = { workspace = true }\n", f"accounts = {{ workspace = true }}\n{name} = {{ workspace = true }}\n", 1
    )
    project = project.replace('"services/accounts/src",', f'"services/accounts/src", "services/{name}/src",', 1)
    project = project.replace('    "accounts", ', f'    "accounts", "{package}", ', 1)
    project = project.replace("hummingbus | accounts |", f"hummingbus | accounts | {package} |", 1)
    return project.replace('containers = ["accounts",', f'containers = ["accounts", "{package}",', 1)


def main() -> int:
    """The command."""
    try:
        written = scaffold(Path.cwd(), sys.argv[1] if len(sys.argv) > 1 else "")
    except NameRefused as refused:
        print(refused)
        return 1
    for path in written:
        print(f"wrote {path.relative_to(Path.cwd())}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
