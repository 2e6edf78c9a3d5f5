"""What a session tells its own stream."""

from __future__ import annotations

from typing import ClassVar

from contracts.message import Command


class Internal(Command):
    """Never leaves the process."""

    context: ClassVar[str] = "trading"
    noun: ClassVar[str] = "session"

    account: str
    connector: str
