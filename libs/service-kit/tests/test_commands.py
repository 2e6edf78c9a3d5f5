"""Commands and queries over a real NATS server."""

from __future__ import annotations

import asyncio
import json
import logging
from http import HTTPStatus

import pytest
from contracts import naming
from contracts.accounts import AccountChanged, AccountExists, CreateAccount, ListAccounts, ListCredentials
from contracts.message import Metadata
from contracts.rejections import CommandUnreadable, Kind, Rejection, Unavailable
from contracts.trading import BalancesRead, RefreshBalances
from service_kit.bus import Bus, InternalError, NoAnswer, NoResponders, Refused

TOGETHER = 20


class TooNew(Rejection):
    """A refusal no registry knows."""

    kind = Kind.CONFLICT


async def create_account(command: CreateAccount, metadata: Metadata) -> AccountChanged:
    match command.account:
        case "taken":
            raise AccountExists("taken exists", field="account")
        case "new":
            raise TooNew("only the newest service knows")
        case "away":
            raise Unavailable("the vault is locked", retry_after=7)
        case "bug":
            raise ZeroDivisionError("secret internals")
        case "slow":
            await asyncio.sleep(0.5)
        case "actor":
            return AccountChanged(account=f"{metadata.actor} {metadata.message_id}", version=1)
    return AccountChanged(account=command.account, version=1)


@pytest.fixture
async def accounts(make_service):
    service = make_service("accounts")
    service.command(CreateAccount, create_account)
    await service.start()
    return service


async def send(bus: Bus, account: str, **options) -> AccountChanged:
    return await bus.command(CreateAccount(account=account), AccountChanged, Metadata(actor="tester"), **options)


async def test_a_command_gets_its_reply(accounts, bus):
    assert await send(bus, "a1") == AccountChanged(account="a1", version=1)


async def test_the_handler_sees_who_asks(accounts, bus):
    metadata = Metadata(actor="tester")
    reply = await bus.command(CreateAccount(account="actor"), AccountChanged, metadata)
    assert reply.account == f"tester {metadata.message_id}"


async def test_a_rejection_crosses_the_bus_as_its_class(accounts, bus):
    with pytest.raises(AccountExists) as raised:
        await send(bus, "taken")
    assert (raised.value.detail, raised.value.field) == ("taken exists", "account")


async def test_a_rejection_is_problem_json(accounts, bus):
    response = await bus.request(naming.command_subject(CreateAccount), CreateAccount(account="taken"), Metadata(), 5)
    assert response.status == AccountExists("").status
    assert json.loads(response.body) == {
        "type": "about:blank",
        "title": HTTPStatus(response.status).phrase,
        "status": response.status,
        "detail": "taken exists",
        "code": "AccountExists",
        "field": "account",
    }


async def test_an_unknown_rejection_keeps_code_and_status(accounts, bus):
    with pytest.raises(Refused) as raised:
        await send(bus, "new")
    assert (raised.value.code, raised.value.status) == ("TooNew", 409)


async def test_unavailable_says_when_to_come_back(accounts, bus):
    with pytest.raises(Unavailable) as raised:
        await send(bus, "away")
    assert (raised.value.detail, raised.value.retry_after) == ("the vault is locked", 7)
    response = await bus.request(naming.command_subject(CreateAccount), CreateAccount(account="away"), Metadata(), 5)
    assert (response.status, response.retry_after) == (503, 7)


async def test_a_bug_is_answered_at_once_without_internals_and_logged_with_its_trace(accounts, bus, caplog):
    with caplog.at_level(logging.ERROR), pytest.raises(InternalError) as raised:
        await send(bus, "bug")
    assert "secret" not in str(raised.value)
    assert len(raised.value.trace_id) == 32
    assert "ZeroDivisionError: secret internals" in caplog.text


async def test_an_unreadable_command_names_the_field_but_not_the_value(accounts, bus):
    answer = await bus.client.request(naming.command_subject(CreateAccount), b'{"account": {"password": "hunter2"}}', 5)
    assert answer.headers[naming.HEADER_STATUS] == "400"
    problem = json.loads(answer.data)
    assert (problem["code"], problem["field"]) == ("CommandUnreadable", "account")
    assert b"hunter2" not in answer.data


@pytest.mark.parametrize("payload", [b"", b"\xff\x00", b"[]", b"null", b"12"])
async def test_any_bytes_are_answered(accounts, bus, payload):
    answer = await bus.client.request(naming.command_subject(CreateAccount), payload, 5)
    assert answer.headers[naming.HEADER_STATUS] == "400"


async def test_a_bad_message_id_is_refused(accounts, bus):
    headers = {naming.HEADER_MESSAGE_ID: "7"}
    answer = await bus.client.request(naming.command_subject(CreateAccount), b'{"account":"a"}', 5, headers=headers)
    assert json.loads(answer.data)["field"] == naming.HEADER_MESSAGE_ID


async def test_nobody_serves(bus):
    with pytest.raises(NoResponders):
        await send(bus, "a1")


async def test_no_answer_in_time(accounts, bus):
    with pytest.raises(NoAnswer):
        await send(bus, "slow", timeout=0.1)


async def test_slow_commands_do_not_hold_up_others(make_service, bus):
    service = make_service("accounts")
    running: set[str] = set()
    all_run = asyncio.Event()

    async def wait_for_the_others(command: CreateAccount, _metadata: Metadata) -> AccountChanged:
        running.add(command.account)
        if len(running) == TOGETHER:
            all_run.set()
        await all_run.wait()
        return AccountChanged(account=command.account, version=1)

    service.command(CreateAccount, wait_for_the_others)
    await service.start()
    await asyncio.gather(*(send(bus, f"a{number}", timeout=30) for number in range(TOGETHER)))
    assert len(running) == TOGETHER


async def test_stopping_answers_what_was_taken(accounts, bus):
    sent = [asyncio.create_task(send(bus, "slow")) for _ in range(5)]
    await asyncio.sleep(0.1)
    await accounts.stop()
    assert len(await asyncio.gather(*sent)) == 5
    with pytest.raises(NoResponders):
        await send(bus, "a1")


async def test_a_queue_group_handles_a_command_once(make_service, bus):
    handled: list[str] = []
    for replica in ("r1", "r2"):
        service = make_service("accounts", replica=replica)

        async def handle(command: CreateAccount, _metadata: Metadata, replica: str = replica) -> AccountChanged:
            handled.append(replica)
            return AccountChanged(account=command.account, version=1)

        service.command(CreateAccount, handle)
        await service.start()
    for _ in range(20):
        await send(bus, "a1")
    assert len(handled) == 20
    assert set(handled) == {"r1", "r2"}


async def test_a_session_command_is_served_from_start_to_stop(make_service, bus):
    service = make_service("trading")
    await service.start()

    async def refresh(command: RefreshBalances, _metadata: Metadata) -> BalancesRead:
        return BalancesRead(account=command.account, connector=command.connector, balances=())

    command = RefreshBalances(account="a1", connector="binance")
    subject = naming.session_command_subject("a1", "binance", RefreshBalances)
    for _ in range(10):
        with pytest.raises(NoResponders):
            await bus.command(command, BalancesRead, Metadata(), subject=subject)
        subscription = await service.session_command(RefreshBalances, refresh, account="a1", connector="binance")
        assert (await bus.command(command, BalancesRead, Metadata(), subject=subject)).account == "a1"
        await subscription.stop()
    with pytest.raises(NoResponders):
        await bus.command(command, BalancesRead, Metadata(), subject=subject)


async def test_a_query_answers_the_bytes_of_its_handler(make_service, bus):
    service = make_service("accounts")

    async def names(_query: ListAccounts, _metadata: Metadata) -> bytes:
        return b'["master_account"]'

    async def credentials(query: ListCredentials, _metadata: Metadata) -> bytes:
        if query.account == "huge":
            return b"x" * (service.bus.client.max_payload + 1)
        raise CommandUnreadable("no such account", field="account")

    service.query(ListAccounts, names)
    service.query(ListCredentials, credentials)
    await service.start()
    assert await bus.query(ListAccounts(), Metadata()) == b'["master_account"]'
    with pytest.raises(CommandUnreadable):
        await bus.query(ListCredentials(account="a"), Metadata())
    with pytest.raises(Unavailable, match="larger"):
        await bus.query(ListCredentials(account="huge"), Metadata())


async def test_the_trace_goes_from_caller_to_handler(make_service, bus):
    seen: list[str | None] = []
    service = make_service("accounts")

    async def names(_query: ListAccounts, metadata: Metadata) -> bytes:
        seen.append(metadata.traceparent)
        return b"[]"

    service.query(ListAccounts, names)
    await service.start()
    trace = "0af7651916cd43dd8448eb211c80319c"
    await bus.query(ListAccounts(), Metadata(traceparent=f"00-{trace}-b7ad6b7169203331-01"))
    assert seen[0] is not None
    assert seen[0].split("-")[1] == trace
    assert "b7ad6b7169203331" not in seen[0]


async def test_no_request_is_dropped_while_sessions_come_and_go(make_service, bus):
    service = make_service("trading")
    await service.start()
    outcomes: list[str] = []

    async def refresh(command: RefreshBalances, _metadata: Metadata) -> BalancesRead:
        return BalancesRead(account=command.account, connector=command.connector, balances=())

    async def ask() -> None:
        command = RefreshBalances(account="a1", connector="binance")
        subject = naming.session_command_subject("a1", "binance", RefreshBalances)
        while True:
            try:
                await bus.command(command, BalancesRead, Metadata(), subject=subject, timeout=1)
                outcomes.append("answered")
            except NoResponders:
                outcomes.append("nobody")

    async with asyncio.TaskGroup() as group:
        asking = [group.create_task(ask()) for _ in range(8)]
        for _ in range(20):
            subscription = await service.session_command(RefreshBalances, refresh, account="a1", connector="binance")
            await asyncio.sleep(0.02)
            await subscription.stop()
        await asyncio.sleep(1.1)
        for task in asking:
            task.cancel()
    assert {"answered", "nobody"} == set(outcomes)
    assert outcomes.count("answered") > 50
