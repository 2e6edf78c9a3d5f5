"""Events as JSON objects and back: what a line of the journal holds. Decimals are plain text, so nothing is rounded."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from decimal import Decimal
from typing import Any, get_type_hints


class Records[E]:
    """Writes and reads the events of one family of dataclasses."""

    def __init__(self, classes: Iterable[type[Any]]) -> None:
        self._classes: dict[str, type[Any]] = {cls.__name__: cls for cls in classes}
        self._readers: dict[str, list[tuple[str, Callable[[Any], Any]]]] = {
            name: [(field.name, get_type_hints(cls)[field.name]) for field in fields(cls)]
            for name, cls in self._classes.items()
        }

    def to_record(self, event: E) -> dict[str, object]:
        """The event as a JSON object: its name under `event`, then its fields."""
        name = type(event).__name__
        record: dict[str, object] = {"event": name}
        for field, _ in self._readers[name]:
            value = getattr(event, field)
            record[field] = format(value, "f") if isinstance(value, Decimal) else value
        return record

    def from_record(self, record: Mapping[str, Any]) -> E:
        """The event of a JSON object. Raises KeyError or ValueError when it is none."""
        name = record["event"]
        event: E = self._classes[name](*[read(record[field]) for field, read in self._readers[name]])
        return event
