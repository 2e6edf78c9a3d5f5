"""What a person is told once the stack is ready, and the secrets that are shown only once."""

from __future__ import annotations

from collections.abc import Mapping

import typer

from hummingbus.commands.sandbox_admin import AdminFailed, SandboxAdmin
from hummingbus.home import Home
from hummingbus.secrets import SANDBOX_ACCOUNT_MADE, load_secrets, save_secrets
from hummingbus.settings import DEFAULT_PORT, StackSettings
from hummingbus.stack.report import StackReport


def print_shown_once(generated: Mapping[str, str]) -> None:
    """Show secrets that were just generated: before anything starts, so that no later failure can lose them."""
    if not generated:
        return
    typer.echo("Generated for this installation and shown only once, write them down:")
    for name, value in generated.items():
        typer.echo(f"  {name:<16} {value}")
    typer.echo("")


def announce(home: Home, settings: StackSettings, report: StackReport, seconds: float) -> None:
    """Say that the stack is ready, where, and what to do next; at the first start make a funded sandbox account."""
    port = report.ports["gateway-api"]
    wanted = settings.port or DEFAULT_PORT
    if port != wanted:
        typer.echo(f"Port {wanted} was taken: the gateway answers on {port}, also after the next start.")
    typer.echo(f"Hummingbus is ready in {seconds:.1f} s, venue {report.venue}.")
    typer.echo(f"  API              {report.url}  (user {settings.username})")
    typer.echo(f"  documentation    {report.url}/docs")
    if report.venue == "sandbox":
        _first_sandbox_account(home)
    typer.echo("  next             hummingbus status | hummingbus logs -f | hummingbus down")


def _first_sandbox_account(home: Home) -> None:
    kept = load_secrets(home)
    if SANDBOX_ACCOUNT_MADE in kept.values:
        return
    try:
        account = SandboxAdmin.of(home).create_account({})
    except AdminFailed as error:
        typer.echo(f"No sandbox account was made ({error}); make one with: hummingbus sandbox account create")
        return
    kept.values[SANDBOX_ACCOUNT_MADE] = "yes"
    save_secrets(home, kept)
    typer.echo("  sandbox account  funded, for the connectors `binance` and `binance_perpetual`; its keys are shown only once:")
    typer.echo(f"    binance_api_key     {account['api_key']}")
    typer.echo(f"    binance_api_secret  {account['api_secret']}")
