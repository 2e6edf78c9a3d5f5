"""`hummingbus sandbox fault ...`: let the sandbox exchange fail on purpose."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from hummingbus.commands.sandbox_calls import Json, call, show
from hummingbus.commands.status import table

app = typer.Typer(no_args_is_help=True, help="Faults of the sandbox exchange: failures on purpose.")
COUNTED = ("occasions", "fired", "active")


@app.command("add")
def add(
    kind: Annotated[
        str,
        typer.Argument(
            help="latency, timeout_before, timeout_after, error_before, error_after, unknown_after, drop_events, "
            "duplicate_events, reorder_events, cut_socket, rate_limit, clock_skew, partial_fills, maintenance or halt."
        ),
    ],
    endpoint: Annotated[str, typer.Option(help="e.g. order.place, order.cancel, user_stream; without it, everywhere.")] = "all",
    api_key: Annotated[str | None, typer.Option(help="Only this account.")] = None,
    symbol: Annotated[str | None, typer.Option(help="Only this symbol, e.g. BTCUSDT.")] = None,
    probability: Annotated[str, typer.Option(help="From 0 to 1.")] = "1",
    count: Annotated[int | None, typer.Option(help="Fire at most so often.")] = None,
    seconds: Annotated[float | None, typer.Option(help="End after this time.")] = None,
    seed: Annotated[int, typer.Option(help="The same seed and requests fire the same faults.")] = 0,
    ms: Annotated[int | None, typer.Option("--ms", help="How long: latency, timeouts, reorder_events, clock_skew.")] = None,
    jitter: Annotated[int | None, typer.Option(help="Up to so many ms more latency.")] = None,
    status: Annotated[int | None, typer.Option(help="The HTTP status of errors and rate limits.")] = None,
    retry_after: Annotated[int | None, typer.Option(help="Seconds a rate limit asks to wait.")] = None,
    pieces: Annotated[int | None, typer.Option(help="Trades a match is cut into by partial_fills.")] = None,
    as_json: Json = False,
) -> None:
    """Put a fault in force."""
    wanted = {
        "kind": kind, "endpoint": endpoint, "api_key": api_key, "symbol": symbol, "probability": probability, "count": count,
        "seconds": seconds, "seed": seed, "milliseconds": ms, "jitter": jitter, "status": status, "retry_after": retry_after,
        "pieces": pieces,
    }  # fmt: skip
    show(call(lambda admin: admin.add_fault(wanted)), as_json=as_json)


@app.command("list")
def listed(as_json: Json = False) -> None:
    """List the faults, with how often each had the occasion and fired."""
    faults = call(lambda admin: admin.faults())
    if as_json:
        typer.echo(json.dumps(faults))
    elif not faults:
        typer.echo("No faults.")
    else:
        header = ("fault", "kind", "endpoint", "settings", *COUNTED)
        typer.echo(table([header, *(_row(fault) for fault in faults)]))


@app.command("clear")
def clear(fault_id: Annotated[str | None, typer.Argument(help="Without it, all.")] = None, as_json: Json = False) -> None:
    """End one fault, or all."""
    show(call(lambda admin: admin.clear_faults(fault_id)), as_json=as_json)


def _row(fault: dict[str, Any]) -> tuple[str, ...]:
    settings = {name: value for name, value in fault.items() if name not in ("fault_id", "kind", "endpoint", *COUNTED)}
    given = " ".join(f"{name}={value}" for name, value in settings.items() if value is not None)
    return (fault["fault_id"], fault["kind"], fault["endpoint"], given, *(str(fault[name]) for name in COUNTED))
