"""`hummingbus doctor`: what is wrong with this installation, and how to mend it."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from typing import Annotated

import typer

from hummingbus.commands import settings_or_fail
from hummingbus.doctor.examination import examine
from hummingbus.doctor.installation import Installation


def doctor(as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False) -> None:
    """Examine machine, home, servers and flow; change nothing. Exit code 1 when something has failed."""
    findings = asyncio.run(examine(Installation.read(settings_or_fail())))
    failed = any(finding.status == "failure" for finding in findings)
    if as_json:
        typer.echo(json.dumps({"healthy": not failed, "findings": [dataclasses.asdict(finding) for finding in findings]}))
    else:
        for finding in findings:
            typer.echo(f"{finding.status:<8} {finding.check:<15} {finding.found}")
            if finding.fix:
                typer.echo(f"{'':<24} to mend it: {finding.fix}")
    raise typer.Exit(1 if failed else 0)
