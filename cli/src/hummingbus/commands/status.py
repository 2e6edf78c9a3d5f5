"""`hummingbus status`: every process, as the supervisor sees it."""

from __future__ import annotations

import json
import time
from typing import Annotated, Any

import psutil
import typer

from hummingbus.commands import home_or_fail
from hummingbus.stack.report import ProgramReport, StackReport, read_report

SUPERVISOR = "supervisor"
COLUMNS = ("process", "state", "pid", "version", "restarts", "memory", "uptime", "port", "reason")


def status(as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False) -> None:
    """Show every process. Exit code 0 when all are ready, 1 when not, 3 when the stack is down."""
    home = home_or_fail()
    supervisor, report = home.supervisor(), read_report(home)
    if supervisor is None or report is None or report.supervisor != supervisor:
        typer.echo(json.dumps({"state": "down"}) if as_json else "Down. Start with: hummingbus up")
        raise typer.Exit(3)
    rows = [_row(program) for program in (_itself(report), *report.programs)]
    if as_json:
        document = {
            "state": report.state,
            "ready": report.ready,
            "venue": report.venue,
            "url": report.url,
            "ports": report.ports,
        }
        typer.echo(json.dumps(document | {"processes": rows}))
    else:
        typer.echo(f"{report.url}  venue {report.venue}  {'ready' if report.ready else report.state}")
        typer.echo(table([COLUMNS, *(_texts(row) for row in rows)]))
    raise typer.Exit(0 if report.ready else 1)


def table(rows: list[tuple[str, ...]]) -> str:
    """Rows of texts as aligned columns."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows)


def _itself(report: StackReport) -> ProgramReport:
    return ProgramReport(name=SUPERVISOR, state="ready", pid=report.supervisor)


def _row(program: ProgramReport) -> dict[str, Any]:
    """What `--json` prints of one process: memory in bytes (with its children), uptime in seconds."""
    process = program.process()
    return {
        "process": program.name,
        "state": program.state,
        "ready": program.state == "ready",
        "pid": program.pid,
        "version": program.version or None,
        "restarts": program.restarts,
        "memory": _memory(process, alone=program.name == SUPERVISOR) if process else None,
        "uptime": round(time.time() - process.create_time(), 1) if process else None,
        "ready_ms": program.ready_ms,
        "port": program.port,
        "reason": program.reason,
    }


def _memory(process: psutil.Process, *, alone: bool) -> int | None:
    """Bytes of memory of the process and, unless `alone`, of what it started; shared pages count once where that is known."""
    try:
        return sum(_resident(one) for one in (process, *([] if alone else process.children(recursive=True))))
    except psutil.NoSuchProcess:
        return None


def _resident(process: psutil.Process) -> int:
    try:
        full = process.memory_full_info()
    except psutil.AccessDenied:
        return int(process.memory_info().rss)
    return int(getattr(full, "pss", full.rss))


def _texts(row: dict[str, Any]) -> tuple[str, ...]:
    shown = dict(row)
    if row["memory"] is not None:
        shown["memory"] = f"{row['memory'] / 1024**2:.0f} MB"
    if row["uptime"] is not None:
        shown["uptime"] = _duration(row["uptime"])
    return tuple("-" if shown[column] is None else str(shown[column]) for column in COLUMNS)


def _duration(seconds: float) -> str:
    minutes, whole = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes:02}m" if hours else f"{minutes}m{whole:02}s" if minutes else f"{whole}s"
