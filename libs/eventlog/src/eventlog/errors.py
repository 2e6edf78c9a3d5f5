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
