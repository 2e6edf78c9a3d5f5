"""What an exchange answered, read from an exception of the engine."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

EVIDENCE_LENGTH = 500

REFUSING_STATUSES = frozenset({400, 401, 403, 404, 405, 406, 410, 413, 414, 415, 418, 422, 429, 451})
"""HTTP statuses that say the request was turned away. 408, 409, 425 and all 5xx leave open what was done."""

NO_BODY = "N/A"
"""What the engine writes in place of an HTML page."""

_STATUS = re.compile(r"HTTP status is (\d{3})")
_BODY = re.compile(r"Error: (.*)$", re.DOTALL)


@dataclass(frozen=True, slots=True)
class ExchangeError:
    """An exchange's answer as the engine reports it: HTTP status, error code and text where it gave them."""

    status: int | None
    code: int | str | None
    reason: str
    evidence: str
    own: bool = False
    """Whether the body is the exchange's own answer, rather than a page of something in front of it."""

    @property
    def turned_away(self) -> bool:
        """Whether the exchange itself says that the request was refused."""
        return self.own and self.status in REFUSING_STATUSES


def read(error: BaseException) -> ExchangeError:
    """The answer inside an engine exception. Without one, `status` is None and `reason` describes the exception."""
    text = str(error)
    status = _STATUS.search(text)
    if status is None:
        return ExchangeError(None, None, _described(error), text[:EVIDENCE_LENGTH])
    found = _BODY.search(text)
    body = found.group(1).strip() if found else ""
    own = body not in ("", NO_BODY)
    code, message = _code_and_message(body)
    reason = message or (body if own else f"HTTP {status.group(1)} without an answer of the exchange")
    if code is not None:
        reason = f"{reason} ({code})"
    evidence = f"HTTP {status.group(1)} {body}"
    return ExchangeError(int(status.group(1)), code, reason[:EVIDENCE_LENGTH], evidence[:EVIDENCE_LENGTH], own)


def _described(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return "the exchange did not answer in time"
    text = str(error)
    return f"{type(error).__name__}: {text}"[:EVIDENCE_LENGTH] if text else type(error).__name__


def _code_and_message(body: str) -> tuple[int | str | None, str | None]:
    try:
        parsed = json.loads(body)
    except ValueError:
        return None, None
    if not isinstance(parsed, Mapping):
        return None, None
    code = next(
        (parsed[key] for key in ("code", "retCode", "ret_code", "label", "err-code", "error_code") if key in parsed), None
    )
    message = next(
        (parsed[key] for key in ("msg", "message", "retMsg", "ret_msg", "err-msg", "error", "reason") if parsed.get(key)), None
    )
    usable = code if isinstance(code, int | str) and not isinstance(code, bool) else None
    return usable, None if message is None else str(message)
