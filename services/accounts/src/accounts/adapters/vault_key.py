"""The key that wraps the data keys of the vault: how it is derived from the config password, proved, and kept current.

Its record is the one row of `vault_key`. Whoever writes under the key locks that row in the same transaction, so nothing is
written under a key that is no longer in force. Another config password is another salt: the salt tells keys apart.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from argon2.low_level import Type, hash_secret_raw
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from eventlog.log import EventLog
from eventlog.statements import Guard, Statement, Write
from pydantic import SecretStr
from sqlalchemy import Column, Integer, LargeBinary, MetaData, Table, bindparam, update

METADATA = MetaData()

VAULT_KEY = Table(
    "vault_key",
    METADATA,
    # The one row: how the key is derived, and a known text encrypted with it, to tell a wrong password.
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("salt", LargeBinary, nullable=False),
    Column("time_cost", Integer, nullable=False),
    Column("memory_kib", Integer, nullable=False),
    Column("parallelism", Integer, nullable=False),
    Column("nonce", LargeBinary, nullable=False),
    Column("verification", LargeBinary, nullable=False),
)

KEY_BYTES = 32
NONCE_BYTES = 12
SALT_BYTES = 16
KNOWN_TEXT = b"hummingbus vault"

_SELECT = "SELECT * FROM vault_key WHERE id = 1"
_INSERT = """
INSERT INTO vault_key (id, salt, time_cost, memory_kib, parallelism, nonce, verification)
SELECT 1, $1, $2, $3, $4, $5, $6 WHERE NOT EXISTS (SELECT FROM vault) ON CONFLICT DO NOTHING
"""
_IN_FORCE = "SELECT 1 FROM vault_key WHERE id = 1 AND salt = $1 FOR SHARE"
_TAKEN_OVER = "SELECT 1 FROM vault_key WHERE id = 1 AND salt = $1 FOR UPDATE"
_REPLACE = Statement(
    update(VAULT_KEY)
    .where(VAULT_KEY.c.id == 1)
    .values({name: bindparam(f"new_{name}") for name in VAULT_KEY.c.keys() if name != "id"})  # noqa: SIM118 - no mapping
)


@dataclass(frozen=True, slots=True)
class KeyCost:
    """How expensive argon2id makes guessing the config password; the default is RFC 9106's second recommendation."""

    time_cost: int = 3
    memory_kib: int = 64 * 1024
    parallelism: int = 4


@dataclass(frozen=True, slots=True)
class VaultKey:
    """A key in memory, with the password it comes from; neither shows in repr."""

    password: SecretStr
    salt: bytes
    cost: KeyCost
    cipher: AESGCM

    def in_force(self) -> Guard:
        """Among the writes of an append: this key is the vault's, and stays so until the commit."""
        return Guard(_IN_FORCE, (self.salt,))

    def replaced_by(self, new: VaultKey) -> tuple[Guard, Write]:
        """The writes that put the record of another key in the place of this one's; they wait for all who use this one."""
        nonce = os.urandom(NONCE_BYTES)
        cost = new.cost
        replacement = _REPLACE.bind(
            new_salt=new.salt,
            new_time_cost=cost.time_cost,
            new_memory_kib=cost.memory_kib,
            new_parallelism=cost.parallelism,
            new_nonce=nonce,
            new_verification=new.cipher.encrypt(nonce, KNOWN_TEXT, None),
        )
        return Guard(_TAKEN_OVER, (self.salt,)), replacement


async def derived(password: SecretStr, cost: KeyCost, salt: bytes | None = None) -> VaultKey:
    """The key of a password, derived in a thread; without a salt a new key."""
    salt = salt or os.urandom(SALT_BYTES)
    return VaultKey(password, salt, cost, await asyncio.to_thread(_cipher, password, salt, cost))


async def opening(record: Mapping[str, Any], password: SecretStr) -> VaultKey | None:
    """The key that the record describes; None when this is not its password."""
    cost = KeyCost(record["time_cost"], record["memory_kib"], record["parallelism"])
    key = await derived(password, cost, record["salt"])
    try:
        key.cipher.decrypt(record["nonce"], record["verification"], None)
    except InvalidTag:
        return None
    return key


async def key_record(log: EventLog) -> Mapping[str, Any] | None:
    """The row of the key in force; None when there is none."""
    rows = await log.fetch(_SELECT)
    return dict(rows[0]) if rows else None


async def made_record(log: EventLog, password: SecretStr, cost: KeyCost) -> Mapping[str, Any] | None:
    """The row of the key in force, made where the vault is new; None when it is missing and there are credentials."""
    if (record := await key_record(log)) is None:
        key, nonce = await derived(password, cost), os.urandom(NONCE_BYTES)
        verification = key.cipher.encrypt(nonce, KNOWN_TEXT, None)
        # Two replicas may start at once: the first row counts, and the other derives its key from that row.
        await log.fetch(_INSERT, key.salt, cost.time_cost, cost.memory_kib, cost.parallelism, nonce, verification)
        record = await key_record(log)
    return record


def _cipher(password: SecretStr, salt: bytes, cost: KeyCost) -> AESGCM:
    key = hash_secret_raw(
        password.get_secret_value().encode(),
        salt,
        time_cost=cost.time_cost,
        memory_cost=cost.memory_kib,
        parallelism=cost.parallelism,
        hash_len=KEY_BYTES,
        type=Type.ID,
    )
    return AESGCM(key)
