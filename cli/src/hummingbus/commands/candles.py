"""`hummingbus candles`: candles of the store into files of other programs, and back."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from hummingbus.commands import fail, home_or_fail
from hummingbus.embedded.nats_permissions import MARKET_DATA
from hummingbus.embedded.process import minimal_environment

app = typer.Typer(no_args_is_help=True, help="Export and import of the candle store, as CSV or Parquet.")

Connector = Annotated[str, typer.Argument(help="For example binance.")]
Pair = Annotated[str, typer.Argument(help="For example BTC-USDT.")]
Interval = Annotated[str, typer.Argument(help="For example 1m.")]
File = Annotated[Path, typer.Argument(help="Its name ends with .csv or .parquet.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Time = Annotated[str | None, typer.Option(metavar="TIME", help="ISO 8601 with its zone, e.g. 2026-01-31T00:00:00Z.")]


@app.command("export")
def export(
    connector: Connector,
    pair: Pair,
    interval: Interval,
    file: File,
    start: Time = None,
    end: Time = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
    as_json: Json = False,
) -> None:
    """Write what the store has; nothing is asked of the exchange. `--end` itself is not included."""
    if file.exists() and not force:
        fail(f"{file} exists: give --force to replace it")
    times = [*_option("--start", start), *_option("--end", end)]
    told = _asked("export", connector, pair, interval, str(file.absolute()), *times)
    if as_json:
        typer.echo(json.dumps(told))
        return
    typer.echo(f"{told['candles']} candles from {_time(told['first'])} to {_time(told['last'])} in {file}")
    _spans("the exchange has none", told["gaps"])
    _spans("not in the store", told["not_fetched"])


@app.command("import")
def import_(
    connector: Connector,
    pair: Pair,
    interval: Interval,
    file: File,
    replace: Annotated[bool, typer.Option("--replace", help="Take the file's candles where the store has others.")] = False,
    as_json: Json = False,
) -> None:
    """Take all candles of a file into the store, or none: then every bad row is told, and the exit code is 1."""
    told = _asked("import", connector, pair, interval, str(file.absolute()), *(["--replace"] if replace else []))
    if as_json:
        typer.echo(json.dumps(told))
    else:
        _report(told)
    if not told["imported"]:
        raise typer.Exit(1)


def _report(told: dict[str, Any]) -> None:
    for bad in told["bad_rows"]:
        typer.echo(f"row {bad['row']}, {bad['column']}: {bad['rule']}")
    if told["bad"] > len(told["bad_rows"]):
        typer.echo(f"... and {told['bad'] - len(told['bad_rows'])} more bad rows")
    for opened in told["differing_times"]:
        typer.echo(f"{_time(opened)}: the store has another candle")
    if told["differing"] > len(told["differing_times"]):
        typer.echo(f"... and {told['differing'] - len(told['differing_times'])} more")
    _spans("no candles in the file", told["gap_spans"])
    if told["gaps"] > len(told["gap_spans"]):
        typer.echo(f"... and {told['gaps'] - len(told['gap_spans'])} more gaps")
    if told["imported"]:
        typer.echo(f"Imported {told['rows']} candles from {_time(told['first'])} to {_time(told['last'])}.")
    elif told["bad"]:
        typer.echo(f"Nothing was imported: {told['bad']} bad rows.")
    else:
        typer.echo(f"Nothing was imported: {told['differing']} candles differ from the store's; --replace takes the file's.")


def _asked(*question: str) -> dict[str, Any]:
    """The answer of the service's own code, in a process of its own: the command line imports no service."""
    settings = home_or_fail().environment_file(MARKET_DATA)
    if not settings.exists():
        fail(f"{settings} does not exist: start this installation once with `hummingbus up`")
    asked = subprocess.run(
        [sys.executable, "-P", "-m", MARKET_DATA.replace("-", "_"), *question],
        env=minimal_environment() | {"HUMMINGBUS_ENV_FILE": str(settings)},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    try:
        told: dict[str, Any] = json.loads(asked.stdout)
    except ValueError:
        fail("The candle store gave no answer")
    if "error" in told:
        fail(told["error"])
    return told


def _option(name: str, text: str | None) -> list[str]:
    if text is None:
        return []
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        fail(f"{name} {text}: not a time, e.g. 2026-01-31T12:00:00+00:00")
    if time.tzinfo is None:
        fail(f"{name} {text}: say which zone, e.g. {text}Z")
    return [name, str(int(time.timestamp()))]


def _spans(what: str, spans: list[dict[str, int]]) -> None:
    for span in spans:
        typer.echo(f"{_time(span['start'])} to {_time(span['end'])}: {what}")


def _time(second: int | None) -> str:
    return "-" if second is None else f"{datetime.fromtimestamp(second, UTC):%Y-%m-%dT%H:%M:%SZ}"
