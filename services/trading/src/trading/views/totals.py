"""How many rows a search matches, counted once for each state of the database."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

REMEMBERED = 256
"""Searches."""


class Totals:
    """Remembers totals with the snapshot of Postgres they were counted in.

    A snapshot names the transactions it sees. While it is the same, no transaction has ended and none has begun to write, so
    the total is exact; after any write in the whole cluster the search counts anew.
    """

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[str, str], tuple[str, int]] = OrderedDict()

    def of(self, source: str, args: Sequence[object]) -> tuple[str, int]:
        """The snapshot and total of a search that was counted before; an empty snapshot when it was not."""
        return self._known.get((source, repr(args)), ("", 0))

    def remember(self, source: str, args: Sequence[object], snapshot: str, total: int) -> None:
        """Keep a total; the one that was used longest ago is forgotten."""
        key = (source, repr(args))
        self._known[key] = (snapshot, total)
        self._known.move_to_end(key)
        if len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
