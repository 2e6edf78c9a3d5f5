"""What an append may raise besides `contracts.rejections.Unavailable`."""

from __future__ import annotations

from contracts.rejections import Unavailable


class VersionConflict(Exception):
    """The stream is not at the expected version: somebody else appended first. Nothing was stored."""

    def __init__(self, stream: str, expected: int, actual: int) -> None:
        super().__init__(f"{stream} is at version {actual}, not {expected}")
        self.stream = stream
        self.expected = expected
        self.actual = actual


class Fenced(Unavailable):
    """A newer holder exists: the caller lost its lease and must stop acting. Nothing was stored.

    To a client it is a 503: the new holder will serve the retry.
    """

    def __init__(self, name: str, token: int) -> None:
        super().__init__(f"{name} is held by another replica (token {token} is out of date)")
        self.name = name
        self.token = token


class EventUnknown(Exception):
    """A stored type without a class of that name: the process runs older code than the one that wrote the event."""


class SchemaNewer(Exception):
    """The tables were made by a newer version of the software than this one. Nothing was changed."""

    def __init__(self, history: str, found: str, head: str | None) -> None:
        known = "no revision of them" if head is None else f"revisions up to {head}"
        super().__init__(
            f"the database's {history} tables are at revision {found}, this version knows {known}: a newer version made them."
            " Start that version again; or stop the stack and, with the newer version still installed, go back with"
            f" `hummingbus migrate down <service> {head or history}`; or restore a backup made before"
        )


class DownRefused(Exception):
    """Going down to an older revision would lose what cannot be made again, or is not possible. Nothing was changed."""


class GuardFailed(Exception):
    """A guard among the writes of an append found nothing: what the writes were made from has changed since."""
