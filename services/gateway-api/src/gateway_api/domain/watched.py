"""What a watcher sees, besides plain states."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why there is nothing to see now."""

    reason: str


@dataclass(frozen=True, slots=True)
class Tail:
    """The newest entries of a log, each as JSON text; `end` counts all that were read since the watch began."""

    entries: tuple[str, ...]
    end: int
    total: int

    def last(self, most: int) -> tuple[str, ...]:
        """The newest entries, at most so many."""
        return self.entries[-most:]

    def since(self, end: int) -> tuple[tuple[str, ...], int]:
        """The entries after the first `end` ones, and how many of those are not here any more."""
        unseen = self.end - end
        new = self.entries[max(0, len(self.entries) - unseen) :] if unseen else ()
        return new, unseen - len(new)
