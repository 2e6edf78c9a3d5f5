"""From an `Idempotency-Key` to the id of a command.

The same user sending the same key to the same route names the same command, so a request can be repeated after a timeout
without doing its work twice: the owning service answers the stored result of the first one.
"""

from __future__ import annotations

import json
import re
from uuid import UUID, uuid5

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
"""`true` on an answer that was given before."""
KEY = re.compile(r"[\x21-\x7e]{1,255}")
NAMESPACE = UUID("6f2c4d3e-0a86-5b5c-9c1d-1f6f3b7e5a10")


class IdempotencyKeyInvalid(ValueError):
    """The header is not 1 to 255 visible ASCII characters."""


def checked(key: str) -> str:
    """`key` when it may be used; IdempotencyKeyInvalid, naming the header and the rule, otherwise."""
    if not KEY.fullmatch(key):
        msg = f"{HEADER} must be 1 to 255 visible ASCII characters without spaces"
        raise IdempotencyKeyInvalid(msg)
    return key


def command_id(user: str, method: str, path: str, key: str) -> UUID:
    """The id of the command that `user` names with `key` at a route; the same for `/path` and `/path/`."""
    return uuid5(NAMESPACE, json.dumps([user, method, path.rstrip("/"), key]))
