"""Print every violation of the house rules; exit 1 when there is one."""

from __future__ import annotations

import sys
from pathlib import Path

from tools.fitness.project import PROJECT_RULES
from tools.fitness.rules import RULES
from tools.fitness.source import Violation, sources


def check(root: Path) -> list[Violation]:
    """All violations below `root`."""
    found = [violation for source in sources(root) for rule in RULES for violation in rule(source)]
    return found + [violation for rule in PROJECT_RULES for violation in rule(root)]


def main() -> int:
    """The command."""
    violations = check(Path.cwd())
    for violation in violations:
        print(violation)
    print(f"fitness: {len(violations)} violations")
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main())
