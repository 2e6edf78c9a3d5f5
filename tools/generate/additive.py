"""Evolution of messages is additive: what a committed schema promises stays true."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Schemas = dict[str, Any]


def breaks(before: Schemas, after: Schemas) -> Iterator[str]:
    """Every way in which `after` breaks a reader or a stored example of `before`."""
    for name, old in before.items():
        new = after.get(name)
        if new is None:
            yield f"{name} was removed"
        else:
            yield from _object_breaks(name, old, new)
            for inner, schema in old.get("$defs", {}).items():
                changed = new.get("$defs", {}).get(inner)
                if changed is not None:
                    yield from _object_breaks(f"{name}.{inner}", schema, changed)


def _object_breaks(name: str, old: Schemas, new: Schemas) -> Iterator[str]:
    old_fields, new_fields = old.get("properties", {}), new.get("properties", {})
    for field, schema in old_fields.items():
        if field not in new_fields:
            yield f"{name}.{field} was removed"
        elif _shape(schema) != _shape(new_fields[field]):
            yield f"{name}.{field} changed its type"
    for field in new.get("required", []):
        if field not in old_fields and "default" not in new_fields.get(field, {}):
            yield f"{name}.{field} is new and required"
    for value in set(old.get("enum", [])) - set(new.get("enum", [])):
        yield f"{name} lost the value {value!r}"


def _shape(schema: Any) -> Any:
    """A schema without what may change freely: titles, texts, examples, defaults."""
    if isinstance(schema, dict):
        free = {"title", "description", "examples", "default"}
        return {key: _shape(value) for key, value in schema.items() if key not in free}
    return [_shape(item) for item in schema] if isinstance(schema, list) else schema
