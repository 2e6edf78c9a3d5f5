"""The `hummingbus` command."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup

FILES = {
    "up": "up",
    "down": "down",
    "status": "status",
    "logs": "logs",
    "doctor": "doctor",
    "backup": "backup",
    "restore": "backup",
    "rotate-config-password": "rotate_config_password",
    "verify": "verify",
    "replay": "replay",
    "history": "history",
    "tail": "tail",
    "dlq": "dlq",
    "migrate": "migrate",
    "candles": "candles",
    "sandbox": "sandbox",
}
"""The module in `hummingbus.commands` of each command: a function of the command's name, or an `app` with commands below it."""


class Commands(TyperGroup):
    """Imports a command when it is asked for: all together take three times as long as the largest."""

    def list_commands(self, _: Any) -> list[str]:
        """All names, in the order of the help."""
        return list(FILES)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command; None when there is none of that name."""
        if cmd_name not in FILES:
            for name in FILES:  # so that a similar one can be proposed
                self.get_command(ctx, name)
        elif cmd_name not in self.commands:
            self.commands[cmd_name] = _imported(cmd_name)
        return self.commands.get(cmd_name)


def _imported(name: str) -> Any:
    module, parent = import_module(f"hummingbus.commands.{FILES[name]}"), typer.Typer(add_completion=False)
    if hasattr(module, "app"):
        parent.add_typer(module.app, name=name)
    else:
        parent.command(name)(getattr(module, name.replace("-", "_")))
    return typer.main.get_group(parent).commands[name]


app = typer.Typer(cls=Commands, name="hummingbus", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


@app.callback(help=__doc__)
def _hummingbus() -> None:
    """Takes no options of its own."""


def main() -> None:
    """The entry point of the installed command."""
    app()


if __name__ == "__main__":
    main()
