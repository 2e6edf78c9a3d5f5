"""Sealed values: secrets that cross the bus or rest in a table, readable only with the key."""

from __future__ import annotations

import base64
import binascii
import json
import os
from collections.abc import Mapping

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_NONCE_BYTES = 12


class SealBroken(Exception):
    """The text was not sealed with this key for this purpose, or was changed since."""


class Sealer:
    """AES-256-GCM with a random nonce; the purpose is authenticated, so a value cannot be used for another purpose."""

    def __init__(self, key: bytes) -> None:
        """`key` is 32 random bytes; ValueError otherwise."""
        if len(key) != 32:
            msg = "a sealing key has 32 bytes"
            raise ValueError(msg)
        self._cipher = AESGCM(key)

    def seal(self, value: Mapping[str, str], *, purpose: str) -> str:
        """The value as base64 text; different every time."""
        nonce = os.urandom(_NONCE_BYTES)
        plain = json.dumps(dict(value)).encode()
        return base64.b64encode(nonce + self._cipher.encrypt(nonce, plain, purpose.encode())).decode()

    def open(self, sealed: str, *, purpose: str) -> dict[str, str]:
        """What was sealed. Raises SealBroken."""
        try:
            data = base64.b64decode(sealed, validate=True)
            plain = self._cipher.decrypt(data[:_NONCE_BYTES], data[_NONCE_BYTES:], purpose.encode())
        except (binascii.Error, ValueError, InvalidTag) as error:
            msg = f"not sealed with this key for the purpose {purpose!r}"
            raise SealBroken(msg) from error
        opened: dict[str, str] = json.loads(plain)
        return opened
