"""Argon2 password hashes."""

from __future__ import annotations

import asyncio

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError


class Argon2Password:
    """The one stored password, as an encoded argon2 hash. A hash that cannot be read raises InvalidHashError."""

    def __init__(self, encoded: str) -> None:
        self._encoded = encoded
        self._hasher = PasswordHasher()

    async def verify(self, password: str) -> bool:
        """Whether `password` matches; computed on a thread, because it takes tens of milliseconds."""
        return await asyncio.to_thread(self._matches, password)

    def _matches(self, password: str) -> bool:
        try:
            return self._hasher.verify(self._encoded, password)
        except VerifyMismatchError:
            return False
