"""The vault: credentials under envelope encryption in Postgres.

Each credential is encrypted with a data key of its own (AES-256-GCM); the data key is wrapped by a key that argon2id derives
from the config password. Account, connector and version are authenticated with both, so a row cannot stand in for another.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from argon2.low_level import Type, hash_secret_raw
from contracts.rejections import Unavailable
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from eventlog.log import EventLog
from eventlog.statements import Statement, Write
from pydantic import SecretStr
from sqlalchemy import BigInteger, Column, Integer, LargeBinary, MetaData, Table, Text, bindparam, delete
from sqlalchemy.dialects.postgresql import insert

METADATA = MetaData()

VAULT = Table(
    "vault",
    METADATA,
    Column("account", Text, primary_key=True),
    Column("connector", Text, primary_key=True),
    Column("credential_version", BigInteger, nullable=False),
    Column("nonce", LargeBinary, nullable=False),
    Column("ciphertext", LargeBinary, nullable=False),
    Column("key_nonce", LargeBinary, nullable=False),
    Column("wrapped_key", LargeBinary, nullable=False),
)

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

_ROW = insert(VAULT)
_PUT = Statement(
    _ROW.on_conflict_do_update(
        index_elements=["account", "connector"],
        set_={name: _ROW.excluded[name] for name in ("credential_version", "nonce", "ciphertext", "key_nonce", "wrapped_key")},
    )
)
_REMOVE = Statement(
    delete(VAULT).where(
        VAULT.c.account == bindparam("of_account", type_=Text), VAULT.c.connector == bindparam("of_connector", type_=Text)
    )
)
_SELECT_KEY = "SELECT * FROM vault_key WHERE id = 1"
_INSERT_KEY = """
INSERT INTO vault_key (id, salt, time_cost, memory_kib, parallelism, nonce, verification)
SELECT 1, $1, $2, $3, $4, $5, $6 WHERE NOT EXISTS (SELECT FROM vault) ON CONFLICT DO NOTHING
"""


@dataclass(frozen=True, slots=True)
class KeyCost:
    """How expensive argon2id makes guessing the config password; the default is RFC 9106's second recommendation."""

    time_cost: int = 3
    memory_kib: int = 64 * 1024
    parallelism: int = 4


@dataclass(frozen=True, slots=True)
class Credential:
    """A credential out of the vault; its fields do not show in repr."""

    credential_version: int
    fields: Mapping[str, SecretStr]


class VaultDamaged(Exception):
    """A vault row was changed, or belongs to another account, connector or version."""


class Vault:
    """Encrypts and decrypts credentials. It is locked until `unlock` succeeded; `locked` says why."""

    def __init__(self, config_password: SecretStr, cost: KeyCost | None = None) -> None:
        """No I/O. `cost` is used when the vault is new; afterwards the stored cost counts."""
        self._password = config_password
        self._cost = cost or KeyCost()
        self._key: AESGCM | None = None
        self.locked: str | None = "The vault has not been unlocked yet"

    async def unlock(self, log: EventLog) -> None:
        """Derive the key once, in a thread, and verify it; a wrong password leaves the vault locked and everything as it is."""
        row = await self._key_row(log)
        if row is None:
            self.locked = "The vault holds credentials but not the record that its key is verified by"
            return
        cost = KeyCost(row["time_cost"], row["memory_kib"], row["parallelism"])
        key = await asyncio.to_thread(_derive, self._password, row["salt"], cost)
        try:
            key.decrypt(row["nonce"], row["verification"], None)
        except InvalidTag:
            self.locked = "The config password is not the one the vault was made with; nothing was changed"
            return
        self._key, self.locked = key, None

    def put(self, account: str, connector: str, version: int, fields: Mapping[str, SecretStr]) -> Write:
        """The write that stores a credential in place of the connector's former one. Raises Unavailable while locked."""
        bound = _bound(account, connector, version)
        data_key = AESGCM.generate_key(bit_length=KEY_BYTES * 8)
        nonce, key_nonce = os.urandom(NONCE_BYTES), os.urandom(NONCE_BYTES)
        plain = json.dumps({name: value.get_secret_value() for name, value in fields.items()}).encode()
        return _PUT.bind(
            account=account,
            connector=connector,
            credential_version=version,
            nonce=nonce,
            ciphertext=AESGCM(data_key).encrypt(nonce, plain, bound),
            key_nonce=key_nonce,
            wrapped_key=self._unlocked().encrypt(key_nonce, data_key, bound),
        )

    def remove(self, account: str, connector: str) -> Write:
        """The write that destroys a credential."""
        return _REMOVE.bind(of_account=account, of_connector=connector)

    async def credential(self, log: EventLog, account: str, connector: str) -> Credential | None:
        """The stored credential, if any. Raises Unavailable while locked, VaultDamaged when the row was tampered with."""
        key = self._unlocked()
        rows = await log.fetch("SELECT * FROM vault WHERE account = $1 AND connector = $2", account, connector)
        if not rows:
            return None
        row = rows[0]
        version: int = row["credential_version"]
        bound = _bound(account, connector, version)
        try:
            data_key = key.decrypt(row["key_nonce"], row["wrapped_key"], bound)
            plain = AESGCM(data_key).decrypt(row["nonce"], row["ciphertext"], bound)
        except InvalidTag as error:
            msg = f"the vault's row of {account}.{connector} was changed"
            raise VaultDamaged(msg) from error
        return Credential(version, {name: SecretStr(value) for name, value in json.loads(plain).items()})

    def require_unlocked(self) -> None:
        """Raise Unavailable while the vault is locked."""
        self._unlocked()

    def _unlocked(self) -> AESGCM:
        if self._key is None:
            raise Unavailable(f"The vault is locked: {self.locked}", retry_after=30)
        return self._key

    async def _key_row(self, log: EventLog) -> Mapping[str, Any] | None:
        rows = await log.fetch(_SELECT_KEY)
        if not rows:
            salt, nonce = os.urandom(SALT_BYTES), os.urandom(NONCE_BYTES)
            key = await asyncio.to_thread(_derive, self._password, salt, self._cost)
            verification = key.encrypt(nonce, KNOWN_TEXT, None)
            cost = self._cost
            # Two replicas may start at once: the first row counts, and the other derives its key from that row.
            await log.fetch(_INSERT_KEY, salt, cost.time_cost, cost.memory_kib, cost.parallelism, nonce, verification)
            rows = await log.fetch(_SELECT_KEY)
        return dict(rows[0]) if rows else None


def _derive(password: SecretStr, salt: bytes, cost: KeyCost) -> AESGCM:
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


def _bound(account: str, connector: str, version: int) -> bytes:
    return json.dumps([account, connector, version]).encode()
