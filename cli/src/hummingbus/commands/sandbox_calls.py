"""What the commands of `hummingbus sandbox` share: calling the exchange of this home, and printing its answer."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any

import typer

from hummingbus.commands import fail, home_or_fail
from hummingbus.commands.sandbox_admin import AdminFailed, SandboxAdmin

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


def call[T](work: Callable[[SandboxAdmin], T]) -> T:
    """The answer of this home's exchange; its refusal ends the command with code 1."""
    try:
        return work(SandboxAdmin.of(home_or_fail()))
    except AdminFailed as error:
        fail(str(error))


def show(document: dict[str, Any], *, as_json: bool) -> None:
    """Print a document as JSON or as one line a field."""
    if as_json:
        typer.echo(json.dumps(document))
        return
    for name, value in document.items():
        typer.echo(f"{name:<12} {value if isinstance(value, str) else json.dumps(value)}")


def decimal_of(text: str) -> Decimal:
    """The number of an argument; anything else ends the command with code 1."""
    try:
        number = Decimal(text)
    except InvalidOperation:
        fail(f"{text}: not a decimal number")
    if not number.is_finite():
        fail(f"{text}: not a decimal number")
    return number


def amount_of(text: str) -> Decimal:
    """The number above zero of an argument; anything else ends the command with code 1."""
    number = decimal_of(text)
    if number <= 0:
        fail(f"{text}: expected a number above 0")
    return number
