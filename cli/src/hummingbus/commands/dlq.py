"""`hummingbus dlq ...`: messages that a consumer gave up on."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import typer
from service_kit.bus import NATS_AWAY, Bus
from service_kit.dead_letters import DeadLetter, LetterUnknown, dead_letter, dead_letters, send_again

from hummingbus.commands import fail
from hummingbus.commands.operator_bus import operator_bus
from hummingbus.commands.status import table

app = typer.Typer(no_args_is_help=True, help="Messages that a consumer gave up on: why, and once more.")

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
COLUMNS = ("number", "time", "consumer", "subject", "attempts", "reason")


@app.command("list")
def list_letters(as_json: Json = False) -> None:
    """Print all dead letters, the oldest first, each with its reason."""

    async def collected(bus: Bus) -> list[DeadLetter]:
        return [letter async for letter in dead_letters(bus.jetstream)]

    letters = _ask(collected)
    if as_json:
        typer.echo(json.dumps([_document(letter) for letter in letters]))
    elif letters:
        typer.echo(table([COLUMNS, *(_row(letter) for letter in letters)]))
    else:
        typer.echo("No dead letters.")


@app.command("show")
def show(number: int) -> None:
    """Print everything about one dead letter as JSON."""
    letter = _ask(lambda bus: dead_letter(bus.jetstream, number))
    typer.echo(json.dumps(_document(letter) | {"headers": dict(letter.headers), "body": _body(letter)}, indent=2))


@app.command("retry")
def retry(
    numbers: Annotated[list[int] | None, typer.Argument(help="Numbers as `dlq list` shows them.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Every dead letter there is.")] = False,
) -> None:
    """Hand dead letters, once, to the consumer that gave up on them, and remove them. What fails again is a letter again."""
    if bool(numbers) is everything:
        fail("Name the letters to retry, or give --all")

    async def sent(bus: Bus) -> list[DeadLetter]:
        chosen = [await dead_letter(bus.jetstream, number) for number in numbers or []]
        chosen = chosen or [letter async for letter in dead_letters(bus.jetstream)]
        for letter in chosen:
            await send_again(bus.jetstream, letter)
        return chosen

    for letter in (letters := _ask(sent)):
        typer.echo(f"{letter.number} sent again to {letter.durable}")
    if not letters:
        typer.echo("No dead letters.")


def _ask[T](work: Callable[[Bus], Awaitable[T]]) -> T:
    async def asked() -> T:
        async with operator_bus() as bus:
            return await work(bus)

    try:
        return asyncio.run(asked())
    except LetterUnknown as error:
        fail(str(error))
    except NATS_AWAY as error:
        fail(f"The message bus does not answer: {type(error).__name__} {error}".rstrip())


def _document(letter: DeadLetter) -> dict[str, Any]:
    return {
        "number": letter.number,
        "time": letter.buried_at,
        "consumer": letter.durable,
        "subject": letter.subject,
        "attempts": letter.deliveries,
        "reason": letter.reason,
    }


def _row(letter: DeadLetter) -> tuple[str, ...]:
    return tuple(str(value) for value in _document(letter).values())


def _body(letter: DeadLetter) -> Any:
    try:
        return json.loads(letter.body)
    except ValueError:
        return letter.body.decode(errors="replace")
