"""Commands through log, vault and views; trading answers from memory."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest
from accounts.adapters.vault import Vault
from accounts.handlers.commands import Commands
from accounts.views.accounts import account_names
from accounts.views.credentials import credentialed
from contracts.accounts import (
    AccountChanged,
    AccountExists,
    AccountNameInvalid,
    AccountProtected,
    AccountUnknown,
    AddCredential,
    ConnectorUnknown,
    CreateAccount,
    CredentialFieldInvalid,
    CredentialRefused,
    DeleteAccount,
    DeleteCredential,
    OrdersOpen,
)
from contracts.message import Metadata
from contracts.rejections import Unavailable
from eventlog.log import EventLog

CANARY = "canary-51d0a7"


def add(key: str = CANARY, connector: str = "binance", account: str = "a") -> AddCredential:
    values = {"binance_api_key": key, "binance_api_secret": "s-" + key}
    return AddCredential.model_validate({"account": account, "connector": connector, "values": values})


@pytest.fixture
async def account(commands: Commands) -> str:
    await commands.create_account(CreateAccount(account="a"), Metadata())
    return "a"


async def key_of(log: EventLog, safe: Vault, connector: str = "binance") -> tuple[int, str] | None:
    credential = await safe.credential(log, "a", connector)
    if credential is None:
        return None
    return credential.credential_version, credential.fields["binance_api_key"].get_secret_value()


async def test_the_master_account_exists_from_the_start_and_comes_first(commands: Commands, log: EventLog) -> None:
    await asyncio.gather(commands.ensure_master_account(), commands.ensure_master_account())
    for name in ("zoe", "Ann", "_1"):
        await commands.create_account(CreateAccount(account=name), Metadata())
    assert await account_names(log) == ["master_account", "Ann", "_1", "zoe"]
    with pytest.raises(AccountProtected):
        await commands.delete_account(DeleteAccount(account="master_account", force=True), Metadata())


async def test_the_same_command_again_answers_the_same(commands: Commands) -> None:
    metadata = Metadata()
    first = await commands.create_account(CreateAccount(account="a"), metadata)
    assert (
        await commands.create_account(CreateAccount(account="a"), metadata) == first == AccountChanged(account="a", version=1)
    )
    with pytest.raises(AccountExists):
        await commands.create_account(CreateAccount(account="a"), Metadata())
    with pytest.raises(AccountNameInvalid):
        await commands.create_account(CreateAccount(account="a.b"), Metadata())


async def test_a_credential_is_proved_and_then_stored(
    commands: Commands, log: EventLog, safe: Vault, trading: Any, account: str
) -> None:
    await commands.add_credential(add(), Metadata())
    assert trading.proved == [{"binance_api_key": CANARY, "binance_api_secret": "s-" + CANARY}]
    assert await key_of(log, safe) == (1, CANARY)
    assert await credentialed(log) == [(account, "binance")]


@pytest.mark.parametrize("refusal", [CredentialRefused(f"Invalid API-key {CANARY}"), Unavailable(f"no route for {CANARY}")])
async def test_what_is_not_proved_is_not_stored_and_the_former_stays(
    commands: Commands, log: EventLog, safe: Vault, trading: Any, account: str, refusal: Exception
) -> None:
    await commands.add_credential(add("former"), Metadata())
    trading.refusal = refusal
    with pytest.raises(type(refusal)) as refused:
        await commands.add_credential(add(), Metadata())
    assert CANARY not in str(refused.value) + refused.value.detail  # type: ignore[attr-defined]
    assert await key_of(log, safe) == (1, "former")


async def test_refusals_before_the_exchange_is_asked(commands: Commands, trading: Any, account: str) -> None:
    with pytest.raises(AccountUnknown):
        await commands.add_credential(add(account="nobody"), Metadata())
    with pytest.raises(ConnectorUnknown):
        await commands.add_credential(add(connector="mtgox"), Metadata())
    with pytest.raises(CredentialFieldInvalid):
        await commands.add_credential(add(key=""), Metadata())
    assert trading.proved == []


async def test_two_credentials_at_once_end_consistent(
    commands: Commands, log: EventLog, safe: Vault, trading: Any, account: str
) -> None:
    trading.before_proof = asyncio.Event()
    both = [asyncio.create_task(commands.add_credential(add(key), Metadata())) for key in ("one", "two")]
    await asyncio.sleep(0.05)
    trading.before_proof.set()
    await asyncio.gather(*both)
    rows = await log.fetch("SELECT credential_version FROM credentials")
    assert [row["credential_version"] for row in rows] == [2]
    found = await key_of(log, safe)
    assert found is not None
    assert found[0] == 2
    events = await log.read("accounts.account-a")
    assert [type(recorded.event).__name__ for recorded in events] == ["AccountCreated", "CredentialAdded", "CredentialReplaced"]


async def test_a_credential_is_deleted_after_its_session_stopped(
    commands: Commands, log: EventLog, safe: Vault, trading: Any, account: str
) -> None:
    await commands.add_credential(add(), Metadata())
    trading.open_orders = OrdersOpen("1 order is open")
    with pytest.raises(OrdersOpen):
        await commands.delete_credential(DeleteCredential(account=account, connector="binance"), Metadata())
    assert await key_of(log, safe) == (1, CANARY)
    await commands.delete_credential(DeleteCredential(account=account, connector="binance", force=True), Metadata())
    assert trading.released == ["a.binance"]
    assert await key_of(log, safe) is None
    await commands.delete_credential(DeleteCredential(account=account, connector="binance"), Metadata())
    assert trading.released == ["a.binance"]
    with pytest.raises(AccountUnknown):
        await commands.delete_credential(DeleteCredential(account="nobody", connector="binance"), Metadata())


async def test_an_account_is_deleted_with_everything_it_holds(
    commands: Commands, log: EventLog, safe: Vault, trading: Any, account: str
) -> None:
    await commands.add_credential(add(), Metadata())
    await commands.add_credential(add(connector="kraken"), Metadata())
    trading.open_orders = OrdersOpen("1 order is open")
    with pytest.raises(OrdersOpen):
        await commands.delete_account(DeleteAccount(account=account), Metadata())
    assert trading.released == []
    await commands.delete_account(DeleteAccount(account=account, force=True), Metadata())
    assert sorted(trading.released) == ["a.binance", "a.kraken"]
    assert await account_names(log) == []
    assert await credentialed(log) == []
    assert await log.fetch("SELECT FROM vault") == []
    with pytest.raises(AccountUnknown):
        await commands.delete_account(DeleteAccount(account=account), Metadata())


async def test_replayed_views_have_identical_rows(commands: Commands, log: EventLog, account: str) -> None:
    for connector in ("binance", "kraken", "binance"):
        await commands.add_credential(add(connector=connector), Metadata())
    await commands.create_account(CreateAccount(account="b"), Metadata())
    await commands.delete_credential(DeleteCredential(account=account, connector="kraken"), Metadata())

    async def rows() -> list[tuple[Any, ...]]:
        tables = "SELECT * FROM accounts LEFT JOIN credentials USING (account) ORDER BY account, connector"
        return [tuple(row) for row in await log.fetch(tables)]

    before = await rows()
    assert len(before) == 2
    for view in log.views:
        await log.replay(view)
    assert await rows() == before


async def test_the_secret_is_nowhere_but_in_the_vault_s_ciphertext(
    commands: Commands, log: EventLog, trading: Any, account: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    seen = [repr(add()), str(add()), str(add().model_dump())]
    seen.append(repr(await commands.add_credential(add(), Metadata())))
    trading.refusal = CredentialRefused(f"key {CANARY} is wrong")
    with pytest.raises(CredentialRefused) as refused:
        await commands.add_credential(add(), Metadata())
    seen += [repr(refused.value), repr(refused.value.__dict__), repr(refused.value.__cause__)]
    tables = await log.fetch("SELECT table_name FROM information_schema.tables WHERE table_schema = 'accounts'")
    for table in tables:
        rows = await log.fetch(f'SELECT * FROM "{table["table_name"]}"')  # noqa: S608
        seen += [repr(dict(row)) for row in rows]
    seen += [record.getMessage() + repr(record.__dict__) for record in caplog.records]
    assert len(tables) >= 10
    assert not [text for text in seen if CANARY in text]
