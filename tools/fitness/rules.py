"""One function per rule over a source file. A rule that needs the whole project stands in `project.py`."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from tools.fitness.source import Source, Violation

MAX_FILE_LINES = 300
MAX_FUNCTION_LINES = 40
SUBJECT = re.compile(r"^(cmd|evt|qry|mkt|tele|dlq|wake)\.")
FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "manager", "managers", "base", "common", "misc"}
CATCH_ALL_ALLOWED = {
    "libs/service-kit/src/service_kit/supervisor.py",
    "libs/service-kit/src/service_kit/dispatch.py",
}
IMPURE = {
    *("asyncio", "os", "time", "random", "logging", "socket", "subprocess", "pathlib", "secrets", "uuid", "threading"),
    *("nats", "faststream", "asyncpg", "sqlalchemy", "aiohttp", "httpx", "fastapi", "hummingbot", "engine_kit", "service_kit"),
}
DOORS: dict[str, tuple[str, ...]] = {
    "eventsourcing": ("libs/eventlog/", "bench/eventlog_baselines.py"),
    "nats": ("libs/service-kit/",),
    "prometheus_client": ("libs/service-kit/src/service_kit/metrics.py",),
    "alembic": ("libs/eventlog/",),
    "faststream": ("libs/service-kit/", "tools/generate/"),
    "hummingbot": (
        "libs/engine-kit/",
        *(
            f"services/{service}/src/{service.replace('-', '_')}/adapters/"
            for service in ("trading", "market-data", "backtester", "orchestrator", "accounts")
        ),
    ),
    "fastapi": ("services/gateway-api/",),
    "docker": ("services/orchestrator/src/orchestrator/adapters/",),
    "gmqtt": ("services/mqtt-bridge/src/mqtt_bridge/adapters/",),
}

REVISIONS_IMPORT = {"__future__", "alembic", "sqlalchemy", "eventlog", "json", "pathlib"}

Rule = Callable[[Source], Iterator[Violation]]


def file_length(source: Source) -> Iterator[Violation]:
    """A file has at most 300 lines."""
    lines = source.text.count("\n")
    if lines > MAX_FILE_LINES:
        yield Violation(source.path, 1, "file-length", f"{lines} lines, at most {MAX_FILE_LINES}")


def function_length(source: Source) -> Iterator[Violation]:
    """A function has at most 40 lines."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > MAX_FUNCTION_LINES:
                yield Violation(
                    source.path, node.lineno, "function-length", f"{node.name} has {lines} lines, at most {MAX_FUNCTION_LINES}"
                )


def catch_all(source: Source) -> Iterator[Violation]:
    """Only the supervisor and the command dispatcher catch everything."""
    if source.path in CATCH_ALL_ALLOWED or source.is_test:
        return
    for node in ast.walk(source.tree):
        if isinstance(node, ast.ExceptHandler) and _catches_all(node.type):
            yield Violation(source.path, node.lineno, "catch-all", "name what you can handle; the supervisor catches the rest")


def _catches_all(caught: ast.expr | None) -> bool:
    if caught is None:
        return True
    names = caught.elts if isinstance(caught, ast.Tuple) else [caught]
    return any(isinstance(name, ast.Name) and name.id in {"Exception", "BaseException"} for name in names)


def subject_literal(source: Source) -> Iterator[Violation]:
    """Subjects are built by `contracts.naming`, nowhere else."""
    if source.path == "libs/contracts/src/contracts/naming.py" or source.is_test or source.path.startswith("tools/"):
        return
    documentation = {id(text) for text in _docstrings(source.tree)}
    for node in ast.walk(source.tree):
        is_text = isinstance(node, ast.Constant) and isinstance(node.value, str)
        if is_text and id(node) not in documentation and SUBJECT.match(str(node.value)):  # type: ignore[attr-defined]
            yield Violation(source.path, node.lineno, "subject-literal", f"{node.value!r}: use contracts.naming")  # type: ignore[attr-defined]


def _docstrings(tree: ast.Module) -> Iterator[ast.expr]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            yield node.value


def forbidden_name(source: Source) -> Iterator[Violation]:
    """No module is named after nothing in particular."""
    for part in Path(source.path).with_suffix("").parts:
        if part in FORBIDDEN_NAMES:
            yield Violation(source.path, 1, "forbidden-name", f"{part!r} says nothing; name the noun")


def domain_purity(source: Source) -> Iterator[Violation]:
    """A domain module does no I/O, reads no clock, makes no id."""
    if source.is_test or source.module[:1] != ("domain",):
        return
    for line, module in source.imports():
        if module.split(".")[0] in IMPURE:
            yield Violation(source.path, line, "domain-purity", f"the domain may not import {module}")
    for node in ast.walk(source.tree):
        if isinstance(node, ast.AsyncFunctionDef | ast.Await):
            yield Violation(source.path, node.lineno, "domain-purity", "no await in the domain")
        elif isinstance(node, ast.Attribute) and node.attr in {"now", "utcnow", "uuid4"}:
            yield Violation(source.path, node.lineno, "domain-purity", f"no {node.attr} in the domain: times and ids are given")


def domain_money(source: Source) -> Iterator[Violation]:
    """Money and sizes are Decimal: no float in a domain (the sandbox may: its random price process is no money)."""
    if source.is_test or source.service in {None, "sandbox-exchange"} or source.module[:1] != ("domain",):
        return
    for node in ast.walk(source.tree):
        named = isinstance(node, ast.Name) and node.id == "float"
        literal = isinstance(node, ast.Constant) and isinstance(node.value, float)
        if named or literal:
            yield Violation(source.path, node.lineno, "domain-money", "no float in the domain: use Decimal")  # type: ignore[attr-defined]


def one_door(source: Source) -> Iterator[Violation]:
    """A third-party client has one importer."""
    if source.is_test:
        return
    for line, module in source.imports():
        door = DOORS.get(module.split(".")[0])
        if module.split(".")[0] == "alembic" and source.module[:1] == ("migrations",):
            continue
        if door is not None and not source.path.startswith(door):
            yield Violation(source.path, line, "one-door", f"{module} is imported only under {', '.join(door)}")


def frozen_revision(source: Source) -> Iterator[Violation]:
    """A revision says what happens by itself: a model it imported would change under it."""
    if source.module[:1] != ("migrations",):
        return
    for line, module in source.imports():
        if module.split(".")[0] not in REVISIONS_IMPORT:
            yield Violation(source.path, line, "frozen-revision", f"a revision may not import {module}: write the SQL out")


def public_docstring(source: Source) -> Iterator[Violation]:
    """Modules with code, and their public classes and functions, say what they do."""
    if source.is_test or not source.tree.body:
        return
    if ast.get_docstring(source.tree) is None:
        yield Violation(source.path, 1, "public-docstring", "the module has no docstring")
    for node in source.tree.body:
        is_definition = isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        if is_definition and not node.name.startswith("_") and ast.get_docstring(node) is None:  # type: ignore[attr-defined, arg-type]
            yield Violation(source.path, node.lineno, "public-docstring", f"{node.name} has no docstring")  # type: ignore[attr-defined]


RULES: tuple[Rule, ...] = (
    file_length,
    function_length,
    catch_all,
    subject_literal,
    forbidden_name,
    domain_purity,
    domain_money,
    one_door,
    frozen_revision,
    public_docstring,
)
