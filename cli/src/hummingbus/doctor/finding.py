"""What a check found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Status = Literal["ok", "warning", "failure"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor's report; `fix` is the command (or act) that mends it, None when nothing has to be done."""

    check: str
    status: Status
    found: str
    fix: str | None = None


def ok(check: str, found: str) -> Finding:
    """All is well."""
    return Finding(check, "ok", found)


def warning(check: str, found: str, fix: str) -> Finding:
    """It works, but not as well or as safely as it should."""
    return Finding(check, "warning", found, fix)


def failure(check: str, found: str, fix: str) -> Finding:
    """It does not work, or loses data, until this is mended."""
    return Finding(check, "failure", found, fix)
