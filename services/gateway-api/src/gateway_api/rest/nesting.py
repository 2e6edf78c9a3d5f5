"""How deep JSON may be nested, checked before it is parsed: a parser pays for each level."""

from __future__ import annotations

import json
import re

_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*+"?|[\[{]|[\]}]', re.DOTALL)
"""A text (also one that does not end) or one bracket."""


def check(body: bytes, deepest: int) -> None:
    """Raises json.JSONDecodeError when arrays and objects are nested deeper than `deepest`."""
    if body.count(b"[") + body.count(b"{") <= deepest:
        return
    depth = 0
    for found in _TOKEN.finditer(body):
        first = found.group()[:1]
        if first in b"[{":
            depth += 1
            if depth > deepest:
                msg = f"Nested deeper than {deepest} levels"
                raise json.JSONDecodeError(msg, "", found.start())
        elif first in b"]}":
            depth -= 1
