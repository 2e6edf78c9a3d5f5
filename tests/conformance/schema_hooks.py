"""Hooks of schemathesis, for test data that no schema can name.

Readable Idempotency-Keys are made unique, because one key is for one request. The credential that orders need is not deleted:
its name in the path is replaced by that of another account. Rates keep a source that the sandbox serves.
"""

from __future__ import annotations

import itertools
import re
from typing import Any

import schemathesis

HEADER = "Idempotency-Key"
READABLE = re.compile(r"[\x21-\x7e]{1,255}")
KEPT = ("master_account", "binance")
numbers = itertools.count()


@schemathesis.hook
def before_call(_context: Any, case: Any, _arguments: Any) -> None:
    if READABLE.fullmatch(str((case.headers or {}).get(HEADER, ""))):
        case.headers[HEADER] = f"schemathesis-{next(numbers)}"
    names = case.path_parameters or {}
    if "delete-credential" in case.path and (names.get("account_name"), names.get("connector_name")) == KEPT:
        names["account_name"] = "spare_account"
    source = case.body.get("rate_oracle_source") if isinstance(case.body, dict) else None
    if case.path == "/rate-oracle/config" and isinstance(source, dict) and source.get("name", "gate_io") == "gate_io":
        source["name"] = "binance"
