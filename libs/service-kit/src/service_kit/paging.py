"""Cursors and the page envelope of the REST contract (P1)."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from typing import Any

from contracts.rejections import CursorInvalid
from pydantic_core import to_json


def encode_cursor(place: dict[str, Any]) -> str:
    """An opaque, URL-safe text of `place`, which holds JSON values only (times and decimals as text)."""
    return base64.urlsafe_b64encode(json.dumps(place, separators=(",", ":")).encode()).rstrip(b"=").decode()


def decode_cursor(cursor: str) -> dict[str, Any]:
    """The place a cursor stands for. Raises CursorInvalid for text that `encode_cursor` did not make."""
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        place = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (binascii.Error, ValueError) as error:
        detail = "cursor: not a cursor of this server"
        raise CursorInvalid(detail, field="cursor") from error
    if not isinstance(place, dict):
        detail = "cursor: not a cursor of this server"
        raise CursorInvalid(detail, field="cursor")
    return place


def page(data: Sequence[str], limit: int, has_more: bool, next_cursor: str | None, total: int) -> bytes:
    """The JSON of one page: `{"data": [...], "pagination": {limit, has_more, next_cursor, total_count}}`.

    `data` holds each item as JSON; `total` counts all matching rows, not this page's.
    """
    pagination = {"limit": limit, "has_more": has_more, "next_cursor": next_cursor, "total_count": total}
    return b'{"data":[%b],"pagination":%b}' % (",".join(data).encode(), to_json(pagination))
