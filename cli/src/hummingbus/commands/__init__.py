"""One file per command of the command line."""

from __future__ import annotations

from typing import NoReturn

import typer

from hummingbus.home import Home
from hummingbus.settings import SettingsInvalid, StackSettings, load_settings


def fail(text: str) -> NoReturn:
    """Print why to standard error and exit with code 1."""
    typer.echo(text, err=True)
    raise typer.Exit(1)


def settings_or_fail() -> StackSettings:
    """The settings of this shell and directory."""
    try:
        return load_settings()
    except SettingsInvalid as error:
        fail(str(error))


def home_or_fail() -> Home:
    """The home of this shell and directory."""
    return Home(settings_or_fail().home)
