"""`hummingbus rotate-config-password`: another password for the vault of exchange keys, while everything runs."""

from __future__ import annotations

import asyncio
import base64
import os
import pwd
from typing import Annotated

import typer
from contracts.message import Metadata
from contracts.rejections import Rejection, Unavailable
from contracts.vault import RotateConfigPassword, VaultRewrapped
from service_kit.bus import InternalError, NoResponders
from service_kit.sealing import Sealer

from hummingbus.commands import fail, settings_or_fail
from hummingbus.commands.operator_bus import operator_bus
from hummingbus.home import AlreadyLocked, Home, locked
from hummingbus.rotation import NothingChanged, Rotation
from hummingbus.secrets import SecretsUnusable, load_secrets, readable_password

NEW_PASSWORD_VARIABLE = "CONFIG_PASSWORD_NEW"  # noqa: S105 - a name
PURPOSE = "rotate"
SECONDS = 60.0
AGAIN = "Both passwords are kept, and the stack starts with either. Find out and finish with: hummingbus rotate-config-password"
ENVIRONMENT = """
CONFIG_PASSWORD comes from your environment or .env: change it there to the new password now, before the next
`hummingbus up`. Until you do, the new one is kept sealed in this installation, so that a start with the old one works."""


def rotate_config_password(
    generate: Annotated[bool, typer.Option("--generate", help="Make a password and print it, once.")] = False,
) -> None:
    """Put the vault of exchange keys under another password, without a restart.

    The new password is asked for, or taken from CONFIG_PASSWORD_NEW, or made with --generate.
    """
    settings = settings_or_fail()
    home = Home(settings.home)
    if home.supervisor() is None:
        fail("Down, and accounts has to put the vault under the new password. Start with: hummingbus up")
    rotation = Rotation(home, settings)
    try:
        with locked(home.run / "up.lock", wait=True), locked(home.rotation_lock):
            _rotate(rotation, generate=generate)
    except AlreadyLocked:
        fail("A backup is being made: try again when it is done. Nothing was changed.")
    except SecretsUnusable as error:
        fail(str(error))
    except NothingChanged as error:
        fail(f"Not rotated: {error}")


def _rotate(rotation: Rotation, *, generate: bool) -> None:
    unfinished = rotation.unfinished()
    old = rotation.present() or _asked("Present config password")
    if unfinished is not None:
        typer.echo("A rotation was begun before: finishing it, with the new password given then.")
    new = unfinished or _new_password(generate=generate)
    credentials = rotation.run(old, new, lambda old, new: asyncio.run(_rewrapped(rotation.home, old, new)))
    typer.echo(f"The vault with its {credentials} credentials is under the new config password.")
    if rotation.from_outside:
        typer.echo(ENVIRONMENT)
    if unfinished is not None:
        typer.echo("For yet another password run the command again.")


def _new_password(*, generate: bool) -> str:
    given = os.environ.get(NEW_PASSWORD_VARIABLE)
    if generate:
        if given is not None:
            fail(f"Give {NEW_PASSWORD_VARIABLE} or --generate, not both")
        password = readable_password()
        # Before anything is changed: no later failure can lose it.
        typer.echo(f"The new config password, shown only once, write it down:\n  {password}\n")
        return password
    return _asked("New config password", confirmed=True) if given is None else given


def _asked(what: str, *, confirmed: bool = False) -> str:
    """Typed by a person, unseen. Exits with code 1 without a terminal."""
    try:
        answer: str = typer.prompt(what, hide_input=True, confirmation_prompt=confirmed)
    except typer.Abort:
        fail(
            f"{what}: nobody answers. Set CONFIG_PASSWORD and {NEW_PASSWORD_VARIABLE}, or use --generate. Nothing was changed."
        )
    return answer


async def _rewrapped(home: Home, old: str, new: str) -> int:
    """Have accounts do it. Raises NothingChanged; where the outcome is not known, says so and exits with code 1."""
    sealer = Sealer(base64.b64decode(load_secrets(home)["transport_key"]))
    command = RotateConfigPassword(sealed=sealer.seal({"old": old, "new": new}, purpose=PURPOSE))
    actor = f"operator {pwd.getpwuid(os.getuid()).pw_name}"
    async with operator_bus() as bus:
        try:
            return (await bus.command(command, VaultRewrapped, Metadata(actor=actor), timeout=SECONDS)).credentials
        except Rejection as refusal:
            raise NothingChanged(refusal.detail) from refusal
        except NoResponders as error:
            raise NothingChanged(f"{error}; see `hummingbus status`") from error
        except (Unavailable, InternalError) as error:
            fail(f"Whether the vault is under the new password is not known: {error.detail}\n{AGAIN}")
