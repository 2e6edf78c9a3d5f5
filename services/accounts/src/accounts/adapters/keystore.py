"""Hummingbot's keystore files, written when an instance is built: each secret an Ethereum V3 keystore, hex-encoded.

The engine derives each key with 1,000,000 rounds of PBKDF2 (about a second of CPU a secret): call `connector_file` off the
event loop.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Collection, Mapping

from Crypto.Hash import keccak
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from pydantic import SecretStr

ITERATIONS = 1_000_000
KEY_BYTES = 32
SALT_BYTES = 16
VERIFICATION_WORD = "HummingBot"


class Keystore:
    """Encrypts with one password: the one the instance is started with."""

    def __init__(self, password: SecretStr, *, iterations: int = ITERATIONS) -> None:
        """`iterations` is written into each keystore; the engine reads it from there."""
        self._password = password
        self._iterations = iterations

    def encrypted(self, secret: SecretStr) -> str:
        """A secret as the engine's config files hold it: hex of the JSON of a V3 keystore."""
        salt, iv = os.urandom(SALT_BYTES), os.urandom(16)
        password = self._password.get_secret_value().encode()
        key = hashlib.pbkdf2_hmac("sha256", password, salt, self._iterations, KEY_BYTES)
        cipher = Cipher(algorithms.AES128(key[:16]), modes.CTR(iv)).encryptor()
        ciphertext = cipher.update(secret.get_secret_value().encode()) + cipher.finalize()
        mac = keccak.new(digest_bits=256, data=key[16:] + ciphertext).hexdigest()
        derivation = {"c": self._iterations, "dklen": KEY_BYTES, "prf": "hmac-sha256", "salt": salt.hex()}
        document = {
            "crypto": {
                "cipher": "aes-128-ctr",
                "cipherparams": {"iv": iv.hex()},
                "ciphertext": ciphertext.hex(),
                "kdf": "pbkdf2",
                "kdfparams": derivation,
                "mac": mac,
            },
            "version": 3,
            "alias": "",
        }
        return json.dumps(document).encode().hex()

    def password_verification(self) -> str:
        """The content of `.password_verification`, by which the engine checks the password."""
        return self.encrypted(SecretStr(VERIFICATION_WORD))

    def connector_file(self, connector: str, fields: Mapping[str, SecretStr], secret_fields: Collection[str]) -> str:
        """The YAML of `connectors/<connector>.yml`: `secret_fields` encrypted, the other fields plain."""
        lines = [f"connector: {connector}"]
        for name, value in fields.items():
            text = self.encrypted(value) if name in secret_fields else value.get_secret_value()
            # A JSON string is a YAML string, whatever it holds.
            lines.append(f"{name}: {json.dumps(text)}")
        return "\n".join(lines) + "\n"
