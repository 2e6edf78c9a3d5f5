"""Rules over the project as a whole."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

from tools.fitness.source import Violation

MODULES = {"__init__", "__main__", "app", "settings", "domain", "handlers", "adapters", "views", "migrations"}
GATEWAY_MODULES = {"rest", "graphql"}
ENGINE_PACKAGES = {"engine-kit", "trading", "market-data", "backtester", "orchestrator"}

ProjectRule = Callable[[Path], Iterator[Violation]]


def service_shape(root: Path) -> Iterator[Violation]:
    """Every service has the same modules and no stray one."""
    for service in sorted(path for path in (root / "services").iterdir() if path.is_dir()):
        package = service / "src" / service.name.replace("-", "_")
        allowed = MODULES | (GATEWAY_MODULES if service.name == "gateway-api" else set())
        found = {path.stem for path in package.iterdir() if path.suffix == ".py" or (path.is_dir() and any(path.glob("*.py")))}
        where = str(package.relative_to(root))
        for stray in sorted(found - allowed):
            yield Violation(where, 1, "service-shape", f"stray module {stray!r}")
        for missing in sorted({"__init__", "__main__", "app", "settings"} - found):
            yield Violation(where, 1, "service-shape", f"missing module {missing!r}")


def engine_stays_out(root: Path) -> Iterator[Violation]:
    """The engine is installed only by engine-kit and the services that run it: nothing else's locked dependencies reach it."""
    locked = tomllib.loads((root / "uv.lock").read_text())["package"]
    needs = {package["name"]: {need["name"] for need in package.get("dependencies", [])} for package in locked}
    members = [package["name"] for package in locked if "editable" in package.get("source", {})]
    for member in sorted(set(members) - ENGINE_PACKAGES):
        if "hummingbot" in _closure(member, needs):
            yield Violation("uv.lock", 1, "engine-stays-out", f"{member} installs the engine")


def _closure(name: str, needs: dict[str, set[str]]) -> set[str]:
    seen: set[str] = set()
    waiting = [name]
    while waiting:
        for need in needs.get(waiting.pop(), set()) - seen:
            seen.add(need)
            waiting.append(need)
    return seen


def golden_examples(root: Path) -> Iterator[Violation]:
    """Every message has a golden example."""
    from contracts import registry

    folder = root / "libs/contracts/examples"
    present = {path.stem for path in folder.glob("*.json")}
    for name in sorted((set(registry.messages()) | set(registry.replies())) - present):
        yield Violation(str(folder.relative_to(root)), 1, "golden-example", f"{name} has none: run make generate")


PROJECT_RULES: tuple[ProjectRule, ...] = (service_shape, engine_stays_out, golden_examples)
