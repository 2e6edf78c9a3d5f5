"""A hook of schemathesis: readable Idempotency-Keys are made unique, because one key is for one request."""

from __future__ import annotations

import re
from typing import Any
from uuid import uuid4

import schemathesis

HEADER = "Idempotency-Key"
READABLE = re.compile(r"[\x21-\x7e]{1,255}")


@schemathesis.hook
def before_call(_context: Any, case: Any, _arguments: Any) -> None:
    if READABLE.fullmatch(str((case.headers or {}).get(HEADER, ""))):
        case.headers[HEADER] = uuid4().hex
