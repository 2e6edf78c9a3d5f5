"""What operators do with a running stack: verify, replay, tail, history, dead letters."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import Iterator
from typing import Any

import asyncpg
import nats
import pytest
from contracts import naming
from dotenv import dotenv_values
from hummingbot_api_client import HummingbotAPIClient
from hummingbus.home import Home

from tests.stack import PASSWORD, USERNAME, Stack, eventually, running

pytestmark = pytest.mark.timeout(600)
CANARY = "trading__canary"


@pytest.fixture(scope="module")
def traded() -> Iterator[tuple[Stack, str]]:
    """A stack on which one order was filled, and the order's id."""
    with running() as stack:
        yield stack, asyncio.run(trade(stack))


async def trade(stack: Stack) -> str:
    account = stack.sandbox_account(USDT="100000", BTC="1")
    secrets = {"binance_api_key": account["api_key"], "binance_api_secret": account["api_secret"]}
    async with HummingbotAPIClient(stack.url, USERNAME, PASSWORD) as client:
        await client.accounts.add_credential("master_account", "binance", secrets)
        placed = await until_placed(client)
        order_id = str(placed["order_id"])
        for _ in range(600):
            page = await client.trading.search_orders()
            if any(order["order_id"] == order_id and order["status"] == "FILLED" for order in page["data"]):
                return order_id
            await asyncio.sleep(0.1)
    msg = f"{order_id} is not filled"
    raise AssertionError(msg)


async def until_placed(client: Any) -> Any:
    """Place the order as soon as the session is there."""
    for _ in range(600):
        try:
            return await client.trading.place_order("master_account", "binance", "BTC-USDT", "BUY", 0.01, order_type="MARKET")
        except Exception as error:  # noqa: BLE001 - the client's errors have no class of their own
            last = error
            await asyncio.sleep(0.1)
    raise last


def lines(stack: Stack, *arguments: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stack.run(*arguments).splitlines()]


def settings(stack: Stack, service: str) -> dict[str, Any]:
    return dotenv_values(stack.home / f"run/{service}.env")


async def as_trading(stack: Stack, *statements: str) -> None:
    """Execute with the login of the schema's owner, as somebody who broke in would."""
    connection = await asyncpg.connect(
        settings(stack, "trading")["TRADING_DATABASE_URL"], server_settings={"search_path": "trading"}
    )
    for statement in statements:
        await connection.execute(statement)
    await connection.close()


def test_tail_and_history_tell_the_order_from_its_intent_to_its_end(traded: tuple[Stack, str]) -> None:
    stack, order_id = traded
    stream = naming.stream_id("trading", "order", order_id)
    history = json.loads(stack.run("history", stream, "--json"))["events"]
    names = [event["event"] for event in history]
    assert names[0] == "OrderPlaced"
    assert {"OrderFilled", "OrderCompleted"} <= set(names)
    assert history[0]["causation_id"] is not None
    subject = f"evt.trading.order.{order_id}.>"
    tailed = lines(stack, "tail", subject, "--from-start", "--json", "-n", str(len(names)))
    assert [(event["event"], event["version"], event["causation_id"]) for event in tailed] == [
        (event["event"], event["version"], event["causation_id"]) for event in history
    ]
    text = stack.run("tail", subject, "--from-start", "-n", "1").split()
    assert text[1:4] == ["OrderPlaced", stream, "1"]


def test_the_state_of_an_aggregate_as_of_a_version_and_a_time(traded: tuple[Stack, str]) -> None:
    stack, order_id = traded
    stream = naming.stream_id("trading", "order", order_id)
    first = json.loads(stack.run("history", stream, "--at-version", "1", "--json"))
    assert (first["state"]["status"], first["state"]["filled_amount"]) == ("SUBMITTED", "0")
    now = json.loads(stack.run("history", stream, "--at", "2999-01-01T00:00:00Z", "--json"))
    assert (now["state"]["status"], now["state"]["filled_amount"]) == ("FILLED", "0.01")
    then = json.loads(stack.run("history", stream, "--at", first["events"][0]["time"], "--json"))
    assert then["state"]["status"] in {"SUBMITTED", "OPEN"}
    for other in ("trading.session-master_account.binance", "accounts.account-master_account"):
        assert "state after version 1\n" in stack.run("history", other, "--at-version", "1")


def test_views_made_again_are_identical_and_damage_is_mended(traded: tuple[Stack, str]) -> None:
    stack, _ = traded
    replayed = json.loads(stack.run("replay", "trading", "--json")) + json.loads(stack.run("replay", "accounts", "--json"))
    assert {view["view"] for view in replayed} >= {"orders", "trades", "sessions", "accounts"}
    assert [view["view"] for view in replayed if not view["identical"]] == []
    [orders] = [view for view in replayed if view["view"] == "orders"]
    asyncio.run(as_trading(stack, "UPDATE orders SET amount = 99"))
    [mended] = json.loads(stack.run("replay", "trading", "orders", "--json"))
    assert not mended["identical"]
    assert mended["after"] == orders["after"]
    assert "orders: " in stack.run("replay", "trading", "orders")
    assert stack.ready()


def test_a_dead_letter_is_listed_shown_and_sent_again(traded: tuple[Stack, str]) -> None:
    stack, _ = traded
    assert stack.run("dlq", "list") == "No dead letters.\n"
    asyncio.run(bury_one(stack))
    [letter] = json.loads(stack.run("dlq", "list", "--json"))
    assert (letter["consumer"], letter["reason"], letter["attempts"]) == (CANARY, "KeyError: x", 8)
    assert "KeyError: x" in stack.run("dlq", "list")
    shown = json.loads(stack.run("dlq", "show", str(letter["number"])))
    assert shown["body"] == {"account": "x"}
    assert stack.run("dlq", "retry", str(letter["number"])) == f"{letter['number']} sent again to {CANARY}\n"
    stack.run("dlq", "retry", str(letter["number"]), codes=(1,))
    assert stack.run("dlq", "list") == "No dead letters.\n"


async def bury_one(stack: Stack) -> None:
    """Put a letter as a service would: with the login of trading."""
    client = await nats.connect(settings(stack, "trading")["TRADING_NATS_URL"], inbox_prefix=naming.inbox_prefix("trading"))
    jetstream = client.jetstream()
    await jetstream.add_stream(name=naming.DEAD_LETTER_STREAM, subjects=[naming.DEAD_LETTER_SUBJECTS])
    headers = {
        naming.HEADER_DEAD_REASON: "KeyError: x",
        naming.HEADER_DEAD_SUBJECT: "evt.accounts.account.x.AccountCreated",
        naming.HEADER_DEAD_DELIVERIES: "8",
        naming.HEADER_DEAD_AT: "2026-01-01T00:00:00+00:00",
    }
    await jetstream.publish(naming.dead_letter_subject(CANARY), b'{"account":"x"}', headers=headers)
    await client.close()


def test_a_service_tells_where_its_tasks_stand_and_goes_on(traded: tuple[Stack, str]) -> None:
    stack, _ = traded
    pid = stack.processes()["trading"]["pid"]
    os.kill(pid, signal.SIGUSR1)
    log = Home(stack.home).log("trading")
    eventually(lambda: "tasks were told of" in log.read_text(), "all tasks are told of")
    assert "task executors stands at" in log.read_text()
    assert stack.processes()["trading"]["pid"] == pid


def test_the_doctor_finds_an_exchange_whose_clock_is_off(traded: tuple[Stack, str]) -> None:
    stack, _ = traded

    def clocks() -> dict[str, str]:
        findings = json.loads(stack.run("doctor", "--json", codes=(0, 1)))["findings"]
        return {each["found"].split(" is ")[0]: each["status"] for each in findings if each["check"] == "clock"}

    assert {"the sandbox exchange", "the exchange binance", "the database", "NATS"} <= set(clocks())
    stack.run("sandbox", "fault", "add", "clock_skew", "--ms", "3600000")
    assert clocks()["the sandbox exchange"] == "failure"
    stack.run("sandbox", "fault", "clear")
    assert clocks()["the sandbox exchange"] != "failure"


def test_verify_names_the_event_that_was_tampered_with(traded: tuple[Stack, str]) -> None:
    stack, order_id = traded
    assert [audit["intact"] for audit in json.loads(stack.run("verify", "--json")).values()] == [True, True]
    stream = naming.stream_id("trading", "order", order_id)
    where = f"originator_id = '{stream}' AND originator_version = 2"
    asyncio.run(as_trading(stack, f"UPDATE stored_events SET actor = actor || '!' WHERE {where}"))  # noqa: S608
    text = stack.run("verify", codes=(1,))
    assert f"{stream} version 2" in text
    assert json.loads(stack.run("verify", "accounts", "--json"))["accounts"]["intact"]
    asyncio.run(as_trading(stack, f"UPDATE stored_events SET actor = rtrim(actor, '!') WHERE {where}"))  # noqa: S608
    eventually(lambda: "all intact" in stack.run("verify", "trading", codes=(0, 1)), "the log is whole again")
