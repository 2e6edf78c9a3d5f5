"""The config password is changed while credentials are added and read, by one replica and by several."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest
from accounts.adapters.keystore import Keystore
from accounts.adapters.vault import Vault
from accounts.handlers.commands import Commands
from accounts.handlers.rotation import ROTATE, Rotation
from accounts_rig import CHEAP, TradingInMemory, make_log
from contracts.accounts import AddCredential, CreateAccount
from contracts.message import Metadata
from contracts.rejections import Unavailable
from contracts.vault import ConfigPasswordInvalid, ConfigPasswordRotated, ConfigPasswordWrong, RotateConfigPassword
from eventlog.log import EventLog
from pydantic import SecretStr
from service_kit.sealing import Sealer

SEALER = Sealer(b"t" * 32)
OLD, NEW = "first-phrase-61c0", "second-phrase-7fd2"


def rotate(old: str = OLD, new: str = NEW) -> RotateConfigPassword:
    return RotateConfigPassword(sealed=SEALER.seal({"old": old, "new": new}, purpose=ROTATE))


def add(account: str, key: str) -> AddCredential:
    values = {"binance_api_key": key, "binance_api_secret": "s-" + key}
    return AddCredential.model_validate({"account": account, "connector": "binance", "values": values})


class Replica:
    """One replica of the service on the database of all; `others` tell it the password in force."""

    def __init__(self, log: EventLog, *passwords: str) -> None:
        self.log = log
        first, *more = (SecretStr(password) for password in passwords or (OLD,))
        self.vault = Vault(first, CHEAP, next_password=more[0] if more else None)
        self.vault.ask_replicas(self.ask)
        self.commands = Commands(log, self.vault, TradingInMemory())
        self.rotation = Rotation(log, self.vault, SEALER)
        self.others: list[Replica] = []

    async def ask(self) -> SecretStr | None:
        for other in self.others:
            try:
                return await other.vault.password(self.log)
            except Unavailable:
                continue
        return None

    async def keys(self) -> dict[str, str]:
        """The API key of each account's credential, as this replica reads it."""
        found = {}
        for row in await self.log.fetch("SELECT account FROM vault ORDER BY account"):
            credential = await self.vault.credential(self.log, row["account"], "binance")
            assert credential is not None
            found[row["account"]] = credential.fields["binance_api_key"].get_secret_value()
        return found


@pytest.fixture
async def replicas(database_url: str) -> AsyncIterator[list[Replica]]:
    made = []
    for _ in range(3):
        log = make_log(database_url)
        await log.start()
        made.append(Replica(log))
        await made[-1].vault.unlock(log)
    for one in made:
        one.others = [other for other in made if other is not one]
    for account in ("a", "b", "c"):
        await made[0].commands.create_account(CreateAccount(account=account), Metadata())
    yield made
    for one in made:
        await one.log.stop()


async def reopened(log: EventLog, password: str) -> Vault:
    vault = Vault(SecretStr(password), CHEAP)
    await vault.unlock(log)
    return vault


async def test_the_new_password_opens_what_the_old_one_did_and_the_event_says_who(replicas: list[Replica]) -> None:
    one = replicas[0]
    for account in ("a", "b"):
        await one.commands.add_credential(add(account, f"key-{account}"), Metadata())
    before = await one.log.fetch("SELECT account, ciphertext FROM vault ORDER BY 1")
    assert (await one.rotation.rotate(rotate(), Metadata(actor="operator ada"))).credentials == 2
    assert await one.keys() == {"a": "key-a", "b": "key-b"}
    assert await one.log.fetch("SELECT account, ciphertext FROM vault ORDER BY 1") == before
    assert (await reopened(one.log, OLD)).locked is not None
    assert (await reopened(one.log, NEW)).locked is None
    (recorded,) = await one.log.read("accounts.vault-credentials")
    assert recorded.event == ConfigPasswordRotated(credentials=2)
    assert recorded.metadata.actor == "operator ada"
    assert (await one.log.verify_all()).intact


async def test_the_other_replicas_go_on_without_a_restart(replicas: list[Replica]) -> None:
    one, two, three = replicas
    await two.commands.add_credential(add("a", "first"), Metadata())
    await one.rotation.rotate(rotate(), Metadata())
    assert await two.keys() == {"a": "first"}
    await three.commands.add_credential(add("b", "second"), Metadata())
    assert await one.keys() == await two.keys() == await three.keys() == {"a": "first", "b": "second"}
    await two.rotation.rotate(rotate(NEW, "a third password"), Metadata())
    await three.rotation.rotate(rotate("a third password", OLD), Metadata())
    assert await one.keys() == {"a": "first", "b": "second"}


async def test_a_replica_nobody_tells_says_so_and_goes_on_once_told(replicas: list[Replica]) -> None:
    one, two, _ = replicas
    await one.commands.add_credential(add("a", "first"), Metadata())
    two.others = []
    await one.rotation.rotate(rotate(), Metadata())
    with pytest.raises(Unavailable, match="no other replica told"):
        await two.commands.add_credential(add("b", "second"), Metadata())
    two.others = [one]
    await two.vault.refresh(two.log)
    assert two.vault.locked is None
    assert await two.keys() == {"a": "first"}


async def test_credentials_added_everywhere_while_the_password_changes_again_and_again(replicas: list[Replica]) -> None:
    stop = asyncio.Event()

    async def adding(replica: Replica, account: str) -> str:
        number = 0
        while not stop.is_set():
            number += 1
            await replica.commands.add_credential(add(account, f"{account}-{number}"), Metadata())
            assert (await replica.keys())[account] == f"{account}-{number}"
            await asyncio.sleep(0.03)  # an exchange's proof takes longer
        return f"{account}-{number}"

    tasks = [asyncio.create_task(adding(one, name)) for one, name in zip(replicas, "abc", strict=True)]
    passwords = [OLD, *(f"password number {number}" for number in range(6))]
    for number, (old, new) in enumerate(itertools.pairwise(passwords)):
        await replicas[number % 3].rotation.rotate(rotate(old, new), Metadata())
    stop.set()
    last = await asyncio.gather(*tasks)
    vault = await reopened(replicas[0].log, passwords[-1])
    assert vault.locked is None
    assert list((await replicas[0].keys()).values()) == last
    assert len(await replicas[0].log.read("accounts.vault-credentials")) == 6
    assert (await replicas[0].log.verify_all()).intact


async def waits_for_a_lock(connection: asyncpg.Connection, query: str) -> None:
    sql = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE $1 AND datname = current_database()"
    async with asyncio.timeout(60):
        while not await connection.fetchval(sql, f"%{query}%"):  # noqa: ASYNC110 - another process's state
            await asyncio.sleep(0.02)


async def test_a_rotation_waits_for_a_credential_under_way_and_wraps_it_too(replicas: list[Replica], database_url: str) -> None:
    one, two, _ = replicas
    async with asyncio.timeout(60):
        other = await asyncpg.connect(database_url, server_settings={"search_path": "accounts"})
        watch = await asyncpg.connect(database_url)
        async with other.transaction():
            for write in two.vault.put("a", "binance", 1, {"binance_api_key": SecretStr("late")}):
                await other.execute(write.sql, *write.args)
            rotating = asyncio.create_task(one.rotation.rotate(rotate(), Metadata()))
            await waits_for_a_lock(watch, "FOR UPDATE")
        assert (await rotating).credentials == 1
        assert await two.keys() == {"a": "late"}
        await other.close()
        await watch.close()


async def test_a_credential_made_with_the_old_key_waits_for_the_rotation_and_is_made_again(
    replicas: list[Replica], database_url: str
) -> None:
    one, two, _ = replicas
    async with asyncio.timeout(60):
        other = await asyncpg.connect(database_url, server_settings={"search_path": "accounts"})
        watch = await asyncpg.connect(database_url)
        rewrapping = await one.vault.rewrapping(one.log, await one.vault.new_key(SecretStr(NEW)))
        async with other.transaction():
            for write in rewrapping.writes:
                await other.execute(write.sql, *write.args)
            adding = asyncio.create_task(two.commands.add_credential(add("a", "new"), Metadata()))
            await waits_for_a_lock(watch, "FOR SHARE")
        one.vault.adopt(rewrapping.key)
        await adding
        await other.close()
        await watch.close()
    events = [type(recorded.event).__name__ for recorded in await one.log.read("accounts.account-a")]
    assert events == ["AccountCreated", "CredentialAdded"]
    assert await one.keys() == {"a": "new"}


@pytest.mark.parametrize(
    ("command", "refusal", "why"),
    [
        (rotate("wrong password"), ConfigPasswordWrong, "does not open the vault"),
        (rotate("wrong password", "wrong password"), ConfigPasswordWrong, "does not open the vault"),
        (rotate(new=""), ConfigPasswordInvalid, "has 0 characters; at least 12"),
        (rotate(new="elevenchars"), ConfigPasswordInvalid, "has 11 characters"),
        (rotate(new=OLD), ConfigPasswordInvalid, "is the old one"),
        (rotate(new="line one\nline two"), ConfigPasswordInvalid, "control characters"),
        (RotateConfigPassword(sealed="AAAA"), ConfigPasswordInvalid, "not sealed for this installation"),
    ],
)
async def test_what_is_refused_changes_nothing(
    replicas: list[Replica], command: RotateConfigPassword, refusal: type[Exception], why: str
) -> None:
    one = replicas[0]
    await one.commands.add_credential(add("a", "key"), Metadata())
    before = [tuple(row) for row in await one.log.fetch("SELECT * FROM vault_key, vault")]
    with pytest.raises(refusal, match=why):
        await one.rotation.rotate(command, Metadata())
    assert [tuple(row) for row in await one.log.fetch("SELECT * FROM vault_key, vault")] == before
    assert await one.keys() == {"a": "key"}


async def test_the_same_rotation_again_is_accepted_and_does_nothing(replicas: list[Replica]) -> None:
    one, two, _ = replicas
    await one.commands.add_credential(add("a", "key"), Metadata())
    metadata = Metadata()
    for replica in (one, two, one):
        assert (await replica.rotation.rotate(rotate(), metadata)).credentials == 1
    await one.rotation.rotate(rotate(NEW, OLD), Metadata())
    await one.rotation.rotate(rotate(), metadata)
    assert await one.keys() == {"a": "key"}
    assert len(await one.log.read("accounts.vault-credentials")) == 2


async def test_a_locked_vault_is_not_rotated(replicas: list[Replica]) -> None:
    stranger = Replica(replicas[0].log, "not the password")
    await stranger.vault.unlock(stranger.log)
    with pytest.raises(ConfigPasswordWrong, match="not the one the vault was made with"):
        await stranger.rotation.rotate(rotate("not the password"), Metadata())


@pytest.mark.parametrize("rotated", [False, True])
async def test_a_restart_in_the_middle_opens_the_vault_with_whichever_it_is(replicas: list[Replica], rotated: bool) -> None:
    if rotated:
        await replicas[0].rotation.rotate(rotate(), Metadata())
    after = Replica(replicas[0].log, OLD, NEW)
    await after.vault.unlock(after.log)
    assert after.vault.locked is None
    assert (await after.vault.password(after.log)).get_secret_value() == (NEW if rotated else OLD)


async def test_an_instance_s_keystore_is_written_with_the_new_password(replicas: list[Replica]) -> None:
    crypt = pytest.importorskip("hummingbot.client.config.config_crypt")
    one = replicas[0]
    await one.commands.add_credential(add("a", "key"), Metadata())
    await one.rotation.rotate(rotate(), Metadata())
    credential = await one.vault.credential(one.log, "a", "binance")
    assert credential is not None
    keystore = Keystore(await one.vault.password(one.log), iterations=1000)
    engine = crypt.ETHKeyFileSecretManger(NEW)
    for name, value in credential.fields.items():
        assert engine.decrypt_secret_value(name, keystore.encrypted(value)) == value.get_secret_value()
    assert engine.decrypt_secret_value("x", keystore.password_verification()) == crypt.PASSWORD_VERIFICATION_WORD


async def test_neither_password_is_told(replicas: list[Replica], caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    one = replicas[0]
    told: list[Any] = [rotate(), repr(await one.rotation.rotate(rotate(), Metadata())), vars(one.vault), one.vault._key]
    for command in (rotate(), rotate("yet another password"), rotate(NEW, NEW)):
        try:
            await one.rotation.rotate(command, Metadata())
        except (ConfigPasswordWrong, ConfigPasswordInvalid) as refusal:
            told += [refusal, refusal.detail, refusal.__dict__]
    told += [record.getMessage() + repr(record.__dict__) for record in caplog.records]
    for table in await one.log.fetch("SELECT table_name FROM information_schema.tables WHERE table_schema = 'accounts'"):
        told += [dict(row) for row in await one.log.fetch(f'SELECT * FROM "{table["table_name"]}"')]  # noqa: S608
    text = repr(told)
    assert not [password for password in (OLD, NEW, "yet another password") if password in text]
