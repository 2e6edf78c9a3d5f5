"""Counts requests and wrong passwords, in the memory of this replica; the decisions are in `domain.limits`."""

from __future__ import annotations

import hmac
import math
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from gateway_api.domain.limits import Allowance, Policy, TooManyLogins, lockout

REMEMBERED = 10_000
"""Callers of whom something is remembered; the one not heard of for longest is forgotten."""


class RateLimits:
    """One policy each for users and for client addresses; a quota of 0 is no limit."""

    def __init__(self, quota: int, window: int, clock: Callable[[], int] = time.monotonic_ns) -> None:
        """`quota` requests in `window` seconds."""
        self._policies = {name: Policy(name, quota, window) for name in ("user", "address") if quota}
        self._clock = clock
        self._owed: OrderedDict[tuple[str, str], int] = OrderedDict()

    def policies(self) -> str:
        """The `RateLimit-Policy` header; empty without limits."""
        return ", ".join(f'"{each.name}";q={each.quota};w={each.window}' for each in self._policies.values())

    def take(self, name: str, caller: str) -> Allowance | None:
        """Counts one request of a caller; raises TooManyRequests, which counts nothing."""
        policy = self._policies.get(name)
        if policy is None:
            return None
        key = (name, caller)
        self._owed[key], allowance = policy.take(self._owed.get(key, 0), self._clock())
        self._owed.move_to_end(key)
        while len(self._owed) > REMEMBERED:
            self._owed.popitem(last=False)
        return allowance


@dataclass
class _Failures:
    passwords: set[bytes] = field(default_factory=set)
    count: int = 0
    until: float = 0.0
    last: float = 0.0


class Logins:
    """Locks a user out at one address after too many different wrong passwords, longer each time.

    The same wrong password again is a client with an old password and no guess; it does not count. Only digests are kept.
    """

    def __init__(self, allowed: int, longest: int, clock: Callable[[], float] = time.monotonic) -> None:
        """`allowed` wrong passwords (0 is no limit) and a lockout of at most `longest` seconds."""
        self._allowed = allowed
        self._longest = longest
        self._clock = clock
        self._key = secrets.token_bytes(32)
        self._failures: OrderedDict[tuple[str, str], _Failures] = OrderedDict()

    def check(self, username: str, address: str) -> None:
        """Raises TooManyLogins while the user is locked out at this address, also for the right password."""
        failures = self._failures.get((username, address))
        left = failures.until - self._clock() if failures else 0
        if left > 0:
            raise TooManyLogins("Too many wrong passwords; try again later", math.ceil(left))

    def failed(self, username: str, password: str, address: str) -> None:
        """Counts a wrong password."""
        if not self._allowed:
            return
        now = self._clock()
        failures = self._failures.setdefault((username, address), _Failures())
        if now - failures.last > self._forgotten:
            failures.passwords.clear()
            failures.count = 0
        digest = hmac.digest(self._key, password.encode("utf-8", "surrogatepass"), "sha256")
        failures.last = now
        self._failures.move_to_end((username, address))
        if digest in failures.passwords:
            return
        if len(failures.passwords) < REMEMBERED // 100:
            failures.passwords.add(digest)
        failures.count += 1
        failures.until = now + lockout(failures.count, self._allowed, self._longest)
        while len(self._failures) > REMEMBERED:
            self._failures.popitem(last=False)

    def succeeded(self, username: str, address: str) -> None:
        """Forgets the wrong passwords."""
        self._failures.pop((username, address), None)

    @property
    def _forgotten(self) -> float:
        return max(4.0 * self._longest, 3600.0)
