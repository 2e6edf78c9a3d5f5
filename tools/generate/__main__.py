"""`make generate` writes docs/generated and missing golden examples; `--check` fails on a stale file or a broken contract."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from tools.generate import additive, catalogue, examples, services

FOLDER = Path("docs/generated")
SCHEMAS = FOLDER / "messages.json"


def generated() -> dict[Path, str]:
    """Every generated file with its text."""
    files = {SCHEMAS: catalogue.schemas_json(), FOLDER / "messages.md": catalogue.catalogue()}
    files[FOLDER / "openapi.json"] = services.openapi()
    files[FOLDER / "schema.graphql"] = services.graphql()
    for service in services.bus_services():
        files[FOLDER / f"asyncapi-{service}.json"] = services.asyncapi(service)
    return {**files, **examples.missing()}


def broken_contracts() -> list[str]:
    """How the contracts of the code break the committed ones."""
    if not SCHEMAS.exists():
        return []
    return list(additive.breaks(json.loads(SCHEMAS.read_text()), catalogue.schemas()))


def main() -> int:
    """The command."""
    broken = broken_contracts()
    for line in broken:
        print(f"not additive: {line} (a new meaning is a new class)")
    if broken:
        return 1
    stale = {path: text for path, text in generated().items() if not path.exists() or path.read_text() != text}
    if "--check" in sys.argv:
        for path in stale:
            print(f"stale: {path} (run make generate)")
        return 1 if stale else 0
    for path, text in stale.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        print(f"wrote {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
