"""How many requests and wrong passwords are allowed; decided from counts and times that the caller hands in."""

from __future__ import annotations

import math
from dataclasses import dataclass


class TooManyRequests(Exception):
    """A limit is used up; `retry_after` in seconds."""

    def __init__(self, detail: str, retry_after: int) -> None:
        super().__init__(detail)
        self.detail = detail
        self.retry_after = retry_after


class TooManyLogins(TooManyRequests):
    """Too many wrong passwords for this user from this address."""


class CrossSite(Exception):
    """A web page of a site that may not call the API made a browser send this."""


@dataclass(frozen=True)
class Bounds:
    """How large a request may be, in bytes, and how long its body may take to arrive; `depth` counts brackets in JSON."""

    body: int = 512 * 1024
    headers: int = 32 * 1024
    query: int = 32 * 1024
    depth: int = 32
    body_milliseconds: int = 30_000


@dataclass(frozen=True, slots=True)
class Allowance:
    """What is left of a limit: `remaining` requests, and the whole seconds until all of them are back."""

    policy: str
    remaining: int
    reset: int


@dataclass(frozen=True, slots=True)
class Policy:
    """`quota` requests in `window` seconds, all at once or spread."""

    name: str
    quota: int
    window: int

    def take(self, owed: int, now: int) -> tuple[int, Allowance]:
        """What is owed after one more request, and what is left; times in nanoseconds, `owed` the time when nothing is.

        Raises TooManyRequests.
        """
        whole = self.window * 1_000_000_000
        after = max(owed, now) + whole // self.quota
        if after - now > whole:
            detail = f"More than {self.quota} requests in {self.window} seconds by this {self.name}"
            raise TooManyRequests(detail, max(1, math.ceil((after - now - whole) / 1_000_000_000)))
        remaining = (whole - (after - now)) * self.quota // whole
        return after, Allowance(self.name, remaining, math.ceil((after - now) / 1_000_000_000))


def lockout(failures: int, allowed: int, longest: int) -> int:
    """Seconds for which nobody may log in after so many different wrong passwords: none, then 1, 2, 4 ... `longest`."""
    return 0 if failures < allowed else min(longest, 1 << min(failures - allowed, 30))
