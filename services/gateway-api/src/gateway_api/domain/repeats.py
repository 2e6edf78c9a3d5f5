"""What is known of a request that was sent before."""

from __future__ import annotations

from dataclasses import dataclass


class KeyReused(Exception):
    """The key was used for another request."""


class StillRunning(Exception):
    """The request with this key is being carried out now."""


@dataclass(frozen=True, slots=True)
class Kept:
    """An answer as it was sent: status, headers, body."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
