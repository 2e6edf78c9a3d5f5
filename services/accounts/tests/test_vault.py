"""The vault against a real Postgres."""

from __future__ import annotations

import asyncio

import pytest
from accounts.adapters.vault import KeyCost, Vault, VaultDamaged
from contracts.rejections import Unavailable
from eventlog.log import EventLog
from pydantic import SecretStr

CANARY = "canary-4f1c"
FIELDS = {"api_key": SecretStr(CANARY), "api_secret": SecretStr("ß" + CANARY)}


async def stored(log: EventLog, safe: Vault, account: str = "a", version: int = 1) -> None:
    for write in safe.put(account, "binance", version, FIELDS):
        await log.fetch(write.sql, *write.args)


async def opened(log: EventLog, password: str) -> Vault:
    safe = Vault(SecretStr(password), KeyCost(1, 64, 1))
    await safe.unlock(log)
    return safe


async def test_a_credential_comes_back_as_it_was_stored(log: EventLog, safe: Vault) -> None:
    await stored(log, safe)
    again = await opened(log, "config password")
    credential = await again.credential(log, "a", "binance")
    assert credential is not None
    assert (credential.credential_version, credential.fields) == (1, FIELDS)
    assert CANARY not in repr(credential)
    assert await again.credential(log, "a", "kraken") is None


async def test_the_row_holds_no_secret_and_every_encryption_differs(log: EventLog, safe: Vault) -> None:
    (_, first), (_, second) = safe.put("a", "binance", 1, FIELDS), safe.put("a", "binance", 1, FIELDS)
    assert CANARY.encode() not in b"".join(arg for arg in first.args if isinstance(arg, bytes))
    assert not set(first.args[3:]) & set(second.args[3:])


async def test_a_wrong_password_locks_the_vault_and_changes_nothing(log: EventLog, safe: Vault) -> None:
    await stored(log, safe)
    before = [tuple(row) for row in await log.fetch("SELECT * FROM vault_key, vault")]
    wrong = await opened(log, "another password")
    assert wrong.locked is not None
    assert "config password" in wrong.locked
    with pytest.raises(Unavailable, match="locked"):
        await wrong.credential(log, "a", "binance")
    with pytest.raises(Unavailable, match="locked"):
        wrong.put("a", "binance", 2, FIELDS)
    assert [tuple(row) for row in await log.fetch("SELECT * FROM vault_key, vault")] == before
    assert (await opened(log, "config password")).locked is None


async def test_replicas_that_make_the_vault_at_once_agree_on_its_key(log: EventLog) -> None:
    replicas = [Vault(SecretStr("config password"), KeyCost(1, 64, 1)) for _ in range(4)]
    await asyncio.gather(*(replica.unlock(log) for replica in replicas))
    await stored(log, replicas[0])
    for replica in replicas:
        credential = await replica.credential(log, "a", "binance")
        assert credential is not None
        assert credential.fields == FIELDS


async def test_a_vault_without_its_verification_record_is_not_made_anew(log: EventLog, safe: Vault) -> None:
    await stored(log, safe)
    await log.fetch("DELETE FROM vault_key")
    assert "verified" in ((await opened(log, "config password")).locked or "")
    assert not await log.fetch("SELECT * FROM vault_key")


@pytest.mark.parametrize("column", ["nonce", "ciphertext", "key_nonce", "wrapped_key"])
async def test_a_changed_byte_is_found(log: EventLog, safe: Vault, column: str) -> None:
    await stored(log, safe)
    await log.fetch(f"UPDATE vault SET {column} = set_byte({column}, 3, get_byte({column}, 3) # 1)")  # noqa: S608
    with pytest.raises(VaultDamaged):
        await safe.credential(log, "a", "binance")


@pytest.mark.parametrize("change", ["account = 'b'", "connector = 'kraken'", "credential_version = 2"])
async def test_a_row_cannot_stand_in_for_another(log: EventLog, safe: Vault, change: str) -> None:
    await stored(log, safe)
    await log.fetch(f"UPDATE vault SET {change}")  # noqa: S608
    row = (await log.fetch("SELECT account, connector FROM vault"))[0]
    with pytest.raises(VaultDamaged):
        await safe.credential(log, row["account"], row["connector"])


async def test_a_credential_is_replaced_and_removed(log: EventLog, safe: Vault) -> None:
    await stored(log, safe)
    await stored(log, safe, version=2)
    credential = await safe.credential(log, "a", "binance")
    assert credential is not None
    assert credential.credential_version == 2
    remove = safe.remove("a", "binance")
    await log.fetch(remove.sql, *remove.args)
    assert await safe.credential(log, "a", "binance") is None
