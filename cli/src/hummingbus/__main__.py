"""The `hummingbus` command."""

from __future__ import annotations

import typer

from hummingbus.commands import (
    backup,
    dlq,
    doctor,
    down,
    history,
    logs,
    migrate,
    replay,
    rotate_config_password,
    sandbox,
    status,
    tail,
    up,
    verify,
)

app = typer.Typer(name="hummingbus", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)
app.command("up")(up.up)
app.command("down")(down.down)
app.command("status")(status.status)
app.command("logs")(logs.logs)
app.command("doctor")(doctor.doctor)
app.command("backup")(backup.backup)
app.command("restore")(backup.restore)
app.command("rotate-config-password")(rotate_config_password.rotate_config_password)
app.command("verify")(verify.verify)
app.command("replay")(replay.replay)
app.command("history")(history.history)
app.command("tail")(tail.tail)
app.add_typer(dlq.app, name="dlq")
app.add_typer(migrate.app, name="migrate")
app.add_typer(sandbox.app, name="sandbox")


def main() -> None:
    """The entry point of the installed command."""
    app()


if __name__ == "__main__":
    main()
