"""The vault: credentials under envelope encryption in Postgres.

Each credential is encrypted with a data key of its own (AES-256-GCM); the data key is wrapped by the vault's key (`vault_key`),
which comes from the config password. Account, connector and version are authenticated with both, so a row cannot stand in for
another. A change of the config password wraps the data keys anew and leaves the credentials as they are.
"""

from __future__ import annotations

import json
import os
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from contracts.rejections import Unavailable
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from eventlog.errors import GuardFailed
from eventlog.log import EventLog
from eventlog.statements import Guard, Statement, Write
from pydantic import SecretStr
from sqlalchemy import BigInteger, Column, LargeBinary, Table, Text, bindparam, delete, update
from sqlalchemy.dialects.postgresql import insert

from accounts.adapters.vault_key import (
    KEY_BYTES,
    METADATA,
    NONCE_BYTES,
    KeyCost,
    VaultKey,
    derived,
    key_record,
    made_record,
    opening,
)

__all__ = ["METADATA", "Credential", "KeyCost", "Rewrapping", "Vault", "VaultDamaged"]

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

_ROW = insert(VAULT)
_PUT = Statement(
    _ROW.on_conflict_do_update(
        index_elements=["account", "connector"],
        set_={name: _ROW.excluded[name] for name in ("credential_version", "nonce", "ciphertext", "key_nonce", "wrapped_key")},
    )
)
_OF_ONE = (VAULT.c.account == bindparam("of_account", type_=Text), VAULT.c.connector == bindparam("of_connector", type_=Text))
_REMOVE = Statement(delete(VAULT).where(*_OF_ONE))
_REWRAP = Statement(
    update(VAULT)
    .where(*_OF_ONE, VAULT.c.credential_version == bindparam("of_version", type_=BigInteger))
    .values(key_nonce=bindparam("new_nonce"), wrapped_key=bindparam("new_key"))
)
_ONE = "SELECT vault.*, k.salt FROM vault_key AS k LEFT JOIN vault ON account = $1 AND connector = $2 WHERE k.id = 1"
_WRAPPED = """
SELECT vault.*, k.salt FROM vault_key AS k LEFT JOIN vault ON true WHERE k.id = 1 ORDER BY account, connector
"""
# Each wrapping has a random nonce: the table holds exactly these when every credential was wrapped by this change.
_ALL_REWRAPPED = """
SELECT 1 FROM (SELECT coalesce(array_agg(key_nonce ORDER BY key_nonce), '{}') AS held FROM vault) AS v WHERE held = $1::bytea[]
"""
WRONG_PASSWORD = "The config password is not the one the vault was made with; nothing was changed"  # noqa: S105 - a text
LOST_TOUCH = "The config password was changed and no other replica told this one: restart it with the new CONFIG_PASSWORD"

type AskReplicas = Callable[[], Awaitable[SecretStr | None]]


@dataclass(frozen=True, slots=True)
class Credential:
    """A credential out of the vault; its fields do not show in repr."""

    credential_version: int
    fields: Mapping[str, SecretStr]


@dataclass(frozen=True, slots=True)
class Rewrapping:
    """The vault under another key: what has to be written, in one append, and the key to go on with then."""

    key: VaultKey
    writes: tuple[Write, ...]
    credentials: int


class VaultDamaged(Exception):
    """A vault row was changed, or belongs to another account, connector or version."""


class Vault:
    """Encrypts and decrypts credentials. It is locked until `unlock` succeeded; `locked` says why."""

    def __init__(
        self, config_password: SecretStr, cost: KeyCost | None = None, *, next_password: SecretStr | None = None
    ) -> None:
        """No I/O. `cost` is used when the vault is new; afterwards the stored cost counts.

        `next_password` is tried where `config_password` does not open the vault: a rotation that was not finished.
        """
        self._passwords = [config_password, *([] if next_password is None else [next_password])]
        self._cost = cost or KeyCost()
        self._key: VaultKey | None = None
        self._ask: AskReplicas | None = None
        self.locked: str | None = "The vault has not been unlocked yet"

    def ask_replicas(self, ask: AskReplicas) -> None:
        """Where the password comes from when another replica changed it while this one had the vault open."""
        self._ask = ask

    async def unlock(self, log: EventLog) -> None:
        """Derive the key and verify it; a wrong password leaves the vault locked and everything as it is."""
        record = await made_record(log, self._passwords[0], self._cost)
        if record is None:
            self.locked = "The vault holds credentials but not the record that its key is verified by"
            return
        for password in self._passwords:
            if (key := await opening(record, password)) is not None:
                self.adopt(key)
                return
        self.locked = WRONG_PASSWORD

    async def refresh(self, log: EventLog) -> None:
        """Go on with the key in force now, where another replica changed it or the vault is locked."""
        record = await key_record(log)
        if record is None or (self.locked is None and self._key is not None and record["salt"] == self._key.salt):
            return
        asked = None if self._key is None or self._ask is None else await self._ask()
        for password in (*self._passwords, *([] if asked is None else [asked])):
            if (key := await opening(record, password)) is not None:
                self.adopt(key)
                return
        self.locked = WRONG_PASSWORD if self._key is None else LOST_TOUCH

    def adopt(self, key: VaultKey) -> None:
        """Use this key from now on."""
        self._key, self._passwords, self.locked = key, [key.password], None

    def offer(self, password: SecretStr) -> None:
        """Try this password too, once the present ones do not open the vault any more."""
        self._passwords = [*(self._passwords if self._key is None else [self._key.password]), password]

    async def password(self, log: EventLog) -> SecretStr:
        """The config password in force. Raises Unavailable where this replica does not have it."""
        record, key = await key_record(log), self._unlocked()
        if record is None or record["salt"] != key.salt:
            raise Unavailable("This replica's vault key is out of date")
        return key.password

    def put(self, account: str, connector: str, version: int, fields: Mapping[str, SecretStr]) -> tuple[Guard, Write]:
        """The writes that store a credential in place of the connector's former one. Raises Unavailable while locked.

        Their append raises GuardFailed when another replica changed the key meanwhile: `refresh`, and make them again.
        """
        key = self._unlocked()
        bound = _bound(account, connector, version)
        data_key = AESGCM.generate_key(bit_length=KEY_BYTES * 8)
        nonce, key_nonce = os.urandom(NONCE_BYTES), os.urandom(NONCE_BYTES)
        plain = json.dumps({name: value.get_secret_value() for name, value in fields.items()}).encode()
        row = _PUT.bind(
            account=account,
            connector=connector,
            credential_version=version,
            nonce=nonce,
            ciphertext=AESGCM(data_key).encrypt(nonce, plain, bound),
            key_nonce=key_nonce,
            wrapped_key=key.cipher.encrypt(key_nonce, data_key, bound),
        )
        return key.in_force(), row

    def remove(self, account: str, connector: str) -> Write:
        """The write that destroys a credential."""
        return _REMOVE.bind(of_account=account, of_connector=connector)

    async def credential(self, log: EventLog, account: str, connector: str) -> Credential | None:
        """The stored credential, if any. Raises Unavailable while locked, VaultDamaged when the row was tampered with."""
        self._unlocked()
        row = await self._row(log, account, connector)
        if row is None:
            return None
        version: int = row["credential_version"]
        bound = _bound(account, connector, version)
        data_key = _unwrapped(self._unlocked(), row, bound)
        try:
            plain = AESGCM(data_key).decrypt(row["nonce"], row["ciphertext"], bound)
        except InvalidTag as error:
            raise _damaged(row) from error
        return Credential(version, {name: SecretStr(value) for name, value in json.loads(plain).items()})

    async def new_key(self, password: SecretStr) -> VaultKey:
        """A new key of this password, for `rewrapping`; it takes a while."""
        return await derived(password, self._cost)

    async def rewrapping(self, log: EventLog, key: VaultKey) -> Rewrapping:
        """The vault under another key. Raises Unavailable while locked, VaultDamaged.

        It, or its append, raises GuardFailed when a credential or the key changed meanwhile: `refresh`, and make it again.
        """
        old, writes, nonces = self._unlocked(), [], []
        for row in await log.fetch(_WRAPPED):
            if row["salt"] != old.salt:
                raise GuardFailed("the vault's key was changed")
            if row["account"] is None:
                continue
            one = dict(row)
            bound = _bound(one["account"], one["connector"], one["credential_version"])
            nonce = os.urandom(NONCE_BYTES)
            wrapped = key.cipher.encrypt(nonce, _unwrapped(old, one, bound), bound)
            of_row = {"of_account": one["account"], "of_connector": one["connector"], "of_version": one["credential_version"]}
            writes.append(_REWRAP.bind(**of_row, new_nonce=nonce, new_key=wrapped))
            nonces.append(nonce)
        complete = Guard(_ALL_REWRAPPED, (sorted(nonces),))
        return Rewrapping(key, (*old.replaced_by(key), *writes, complete), len(writes))

    async def count(self, log: EventLog) -> int:
        """How many credentials there are."""
        rows = await log.fetch("SELECT count(*) FROM vault")
        return int(rows[0]["count"])

    def require_unlocked(self) -> None:
        """Raise Unavailable while the vault is locked."""
        self._unlocked()

    async def _row(self, log: EventLog, account: str, connector: str) -> Mapping[str, Any] | None:
        """The credential's row, read at one moment with the key it is under; that key is ours afterwards."""
        rows = await log.fetch(_ONE, account, connector)
        if rows and rows[0]["salt"] != self._unlocked().salt:
            await self.refresh(log)
            rows = await log.fetch(_ONE, account, connector)
        if not rows or rows[0]["salt"] != self._unlocked().salt:
            raise Unavailable("The vault's key is being changed")
        return None if rows[0]["account"] is None else dict(rows[0])

    def _unlocked(self) -> VaultKey:
        if self._key is None or self.locked is not None:
            raise Unavailable(f"The vault is locked: {self.locked}", retry_after=30)
        return self._key


def _unwrapped(key: VaultKey, row: Mapping[str, Any], bound: bytes) -> bytes:
    try:
        return key.cipher.decrypt(row["key_nonce"], row["wrapped_key"], bound)
    except InvalidTag as error:
        raise _damaged(row) from error


def _damaged(row: Mapping[str, Any]) -> VaultDamaged:
    return VaultDamaged(f"the vault's row of {row['account']}.{row['connector']} was changed")


def _bound(account: str, connector: str, version: int) -> bytes:
    return json.dumps([account, connector, version]).encode()
