"""Who is calling: HTTP Basic against one user, without paying for the password hash on every request."""

from __future__ import annotations

import asyncio
import hmac
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Protocol


class PasswordVerifier(Protocol):
    """Compares a password with a stored hash; slow on purpose."""

    async def verify(self, password: str) -> bool:
        """Whether `password` is the one the hash was made from."""
        ...


class Authenticator:
    """Verifies credentials once and remembers the verdict for `ttl` seconds.

    Only a digest under a key made at start is kept, never a password. Callers that arrive together with the same credentials
    wait for one verification (single flight), and no more than two hashes run at once, so a flood of wrong passwords cannot
    take the processor from everybody else.
    """

    def __init__(
        self,
        username: str,
        verifier: PasswordVerifier,
        *,
        ttl: float = 300,
        refused_ttl: float = 5,
        remembered: int = 1024,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._username = username.encode()
        self._verifier = verifier
        self._ttl = ttl
        self._refused_ttl = refused_ttl
        self._remembered = remembered
        self._clock = clock
        self._key = secrets.token_bytes(32)
        self._verdicts: OrderedDict[bytes, tuple[bool, float]] = OrderedDict()
        self._headers: OrderedDict[bytes, tuple[str, float]] = OrderedDict()
        self._flights: dict[bytes, asyncio.Task[bool]] = {}
        self._hashes = asyncio.Semaphore(2)

    def known(self, header: bytes) -> str | None:
        """The user whose credentials came in just this header before, while their verdict holds; None otherwise."""
        known = self._headers.get(hmac.digest(self._key, header, "sha256"))
        return known[0] if known is not None and known[1] > self._clock() else None

    def remember(self, header: bytes, username: str, password: str) -> None:
        """Lets `known` find credentials that were found right."""
        verdict, until = self._verdicts.get(self._digest(username, password), (False, 0.0))
        if verdict:
            self._headers[hmac.digest(self._key, header, "sha256")] = (username, until)
            while len(self._headers) > self._remembered:
                self._headers.popitem(last=False)

    async def authenticate(self, username: str, password: str) -> bool:
        """Whether these are the user's credentials. The time it takes does not tell which half was wrong."""
        digest = self._digest(username, password)
        known = self._verdicts.get(digest)
        if known is not None and known[1] > self._clock():
            return known[0]
        flight = self._flights.get(digest)
        if flight is None:
            flight = asyncio.create_task(self._verify(digest, username, password))
            self._flights[digest] = flight
            flight.add_done_callback(lambda _: self._flights.pop(digest, None))
        return await asyncio.shield(flight)

    def _digest(self, username: str, password: str) -> bytes:
        name = username.encode()
        return hmac.digest(self._key, len(name).to_bytes(4) + name + password.encode(), "sha256")

    async def _verify(self, digest: bytes, username: str, password: str) -> bool:
        async with self._hashes:
            right_password = await self._verifier.verify(password)
        verdict = hmac.compare_digest(username.encode(), self._username) and right_password
        self._verdicts[digest] = (verdict, self._clock() + (self._ttl if verdict else self._refused_ttl))
        self._verdicts.move_to_end(digest)
        while len(self._verdicts) > self._remembered:
            self._forget_one()
        return verdict

    def _forget_one(self) -> None:
        """Drops the oldest refused verdict, so that wrong guesses never push out who is logged in."""
        oldest_refused = next((digest for digest, (verdict, _) in self._verdicts.items() if not verdict), None)
        if oldest_refused is None:
            self._verdicts.popitem(last=False)
        else:
            del self._verdicts[oldest_refused]
