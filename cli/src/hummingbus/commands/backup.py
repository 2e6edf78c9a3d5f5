"""`hummingbus backup` and `hummingbus restore`: an installation as one encrypted file."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from hummingbus.backup.contents import HomeNotEmpty, is_empty, read_backup, write_backup
from hummingbus.backup.sealed_archive import ArchiveBroken
from hummingbus.commands import fail, settings_or_fail
from hummingbus.embedded.process import StartFailed
from hummingbus.home import AlreadyLocked, Home
from hummingbus.secrets import SecretsUnusable

SHORTEST_PASSPHRASE = 12

File = Annotated[Path, typer.Argument(help="The backup.", metavar="FILE")]
PassphraseFile = Annotated[
    Path, typer.Option("--passphrase-file", help="A file whose first line encrypts the backup; keep it elsewhere.")
]


def backup(file: File, passphrase_file: PassphraseFile) -> None:
    """Write database, sandbox exchange and secrets to a new encrypted file; the stack may run on."""
    home = _embedded_home()
    if is_empty(home):
        fail(f"{home.path} holds no installation")
    try:
        size = write_backup(home, file.absolute(), _passphrase(passphrase_file))
    except (FileExistsError, SecretsUnusable, StartFailed, OSError) as error:
        fail(f"No backup was made: {error}")
    except AlreadyLocked:
        fail("No backup was made: the stack is just starting or stopping; try again")
    typer.echo(f"Wrote {file} ({size / 1024**2:.1f} MB).")


def restore(
    file: File,
    passphrase_file: PassphraseFile,
    force: Annotated[bool, typer.Option("--force", help="Move the installation that is there aside first.")] = False,
) -> None:
    """Make the installation of a backup in an empty home; start it with `hummingbus up`."""
    home = _embedded_home()
    passphrase = _passphrase(passphrase_file)
    if home.supervisor() is not None:
        fail("The stack is running: stop it first with `hummingbus down`")
    try:
        if force and not is_empty(home):
            aside = home.path.with_name(f"{home.path.name}.replaced-{datetime.now(UTC):%Y%m%dT%H%M%SZ}")
            home.path.rename(aside)
            typer.echo(f"What was there is now {aside}")
        made_at = read_backup(home, file.absolute(), passphrase)
    except HomeNotEmpty as error:
        fail(f"{error}; restore into another HUMMINGBUS_HOME, or use --force to move this one aside")
    except (ArchiveBroken, SecretsUnusable, StartFailed, AlreadyLocked, OSError) as error:
        fail(f"Not restored: {error}")
    typer.echo(f"Restored the installation of {made_at} to {home.path}. Start it with: hummingbus up")


def _embedded_home() -> Home:
    settings = settings_or_fail()
    if settings.database_url is not None:
        fail("DATABASE_URL names a server of yours: back it up with its own tools")
    return Home(settings.home)


def _passphrase(file: Path) -> bytes:
    try:
        first = file.read_bytes().split(b"\n", 1)[0].strip()
    except OSError as error:
        fail(f"The passphrase cannot be read: {error}")
    if len(first) < SHORTEST_PASSPHRASE:
        fail(f"The first line of {file} has {len(first)} characters; at least {SHORTEST_PASSPHRASE} protect a backup")
    return first
