"""The journal on disk: nothing acknowledged is lost, whatever ends the process."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sandbox_exchange.adapters import journal_files
from sandbox_exchange.adapters.journal import Journal, JournalFailed
from sandbox_exchange.domain.market.pairs import LISTED
from sandbox_exchange.domain.spot import snapshot
from sandbox_exchange.domain.spot.commands import Command, Deposit, OpenAccount
from sandbox_exchange.domain.spot.events import to_record
from sandbox_exchange.domain.spot.exchange import Exchange
from sandbox_exchange.handlers.recovery import Exchanges, compact, fold

AT = 1_790_000_000_000


def digest(exchange: Exchange) -> list[str]:
    return [json.dumps(record) for record in snapshot.dump(exchange.state)]


@asynccontextmanager
async def opened(directory: Path, **limits: int) -> AsyncIterator[tuple[Exchange, Journal]]:
    exchange, journal = Exchange(LISTED), Journal(directory, **limits)
    journal.open(lambda stored: fold(Exchanges(exchange), stored)[0])
    writing = asyncio.create_task(journal.run())
    yield exchange, journal
    journal.stop()
    await asyncio.wait([writing])
    journal.close()


def do(exchange: Exchange, journal: Journal, command: Command) -> None:
    journal.append({"at": AT, "events": [to_record(event) for event in exchange.apply(command, AT)]})


def open_account(exchange: Exchange, journal: Journal) -> None:
    do(exchange, journal, OpenAccount("key", "secret", (("USDT", Decimal("1.5")),)))


def restored(directory: Path) -> Exchange:
    exchange, journal = Exchange(LISTED), Journal(directory)
    journal.open(lambda stored: fold(Exchanges(exchange), stored)[0])
    journal.close()
    return exchange


async def test_commits_come_in_order_and_before_durable_returns(tmp_path: Path) -> None:
    async with opened(tmp_path) as (exchange, journal):
        told: list[int] = []
        journal.on_commit = told.append
        open_account(exchange, journal)
        await journal.durable()
        assert told == [1]
        for _ in range(50):
            do(exchange, journal, Deposit("000001", "BTC", Decimal(1)))
        await asyncio.gather(*(journal.durable() for _ in range(20)))
        assert told[-1] == 51
        assert told == sorted(told)
        assert len(told) < 51
    assert digest(restored(tmp_path)) == digest(exchange)


async def test_a_torn_last_line_is_cut_off_and_damage_is_refused(tmp_path: Path) -> None:
    async with opened(tmp_path) as (exchange, journal):
        open_account(exchange, journal)
        do(exchange, journal, Deposit("000001", "BTC", Decimal(1)))
    (segment,) = journal_files.segments(tmp_path)
    whole = segment.read_bytes()
    assert segment.stat().st_mode & 0o777 == 0o600
    segment.write_bytes(whole + whole[: len(whole) // 3])
    assert digest(restored(tmp_path)) == digest(exchange)
    assert segment.read_bytes() == whole
    segment.write_bytes(whole.replace(b"1.5", b"9.5"))
    with pytest.raises(journal_files.JournalBroken):
        restored(tmp_path)


async def test_full_segments_are_folded_into_a_snapshot(tmp_path: Path) -> None:
    async with opened(tmp_path, segment_records=10) as (exchange, journal):
        open_account(exchange, journal)
        for _ in range(45):
            do(exchange, journal, Deposit("000001", "BTC", Decimal(1)))
            await journal.durable()
        assert journal._compaction is not None
        assert await journal._compaction.wait() == 0
        assert (tmp_path / journal_files.SNAPSHOT).stat().st_mode & 0o777 == 0o600
    before = digest(exchange)
    compact(tmp_path, Exchanges())
    assert len(journal_files.segments(tmp_path)) == 1
    assert digest(restored(tmp_path)) == before
    async with opened(tmp_path) as (again, journal):
        do(again, journal, Deposit("000001", "ETH", Decimal(2)))
    assert digest(restored(tmp_path)) == digest(again)


async def test_one_process_at_a_time(tmp_path: Path) -> None:
    async with opened(tmp_path):
        with pytest.raises(BlockingIOError):
            Journal(tmp_path).open(lambda stored: fold(Exchanges(), stored)[0])


async def test_a_disk_that_refuses_ends_everything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    exchange, journal = Exchange(LISTED), Journal(tmp_path)
    journal.open(lambda stored: fold(Exchanges(exchange), stored)[0])
    writing = asyncio.create_task(journal.run())

    def refuse(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fdatasync", refuse)
    open_account(exchange, journal)
    with pytest.raises(JournalFailed, match="No space left"):
        await journal.durable()
    with pytest.raises(JournalFailed):
        await journal.durable()
    with pytest.raises(JournalFailed):
        await writing
    journal.close()


@asynccontextmanager
async def process(directory: Path) -> AsyncIterator[tuple[str, asyncio.subprocess.Process]]:
    """The exchange as a process of its own; killed at the end."""
    environment = {
        **os.environ,
        "SANDBOX_EXCHANGE_DATA_DIR": str(directory),
        "SANDBOX_EXCHANGE_ADMIN_TOKEN": "operator",
    }
    started = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "sandbox_exchange", env=environment, stderr=asyncio.subprocess.PIPE
    )
    try:
        assert started.stderr is not None
        yield (await started.stderr.readline()).decode().split()[-1], started
    finally:
        with suppress(ProcessLookupError):
            started.kill()
        await started.wait()


async def test_nothing_acknowledged_is_lost_by_a_kill(tmp_path: Path, connect: Any) -> None:
    keys = ("", "")
    acknowledged: list[dict[str, Any]] = []
    for round_ in range(2):
        async with process(tmp_path) as (base, exchange), connect(base) as client:
            if round_:
                client.key, client.secret = keys
            else:
                created = await client.open_account(USDT="10000000")
                keys = created["api_key"], created["api_secret"]
            acknowledged += await trade_until_killed(client, exchange)
    account = restored(tmp_path).state.by_api_key[keys[0]]
    assert len(acknowledged) > 10
    for told in acknowledged:
        order = account.orders[told["orderId"]]
        fills = {f.trade.trade: f for f in account.fills.get("BTCUSDT", []) if f.order is order}
        assert order.client_order_id == told["clientOrderId"]
        assert order.executed >= Decimal(told["executedQty"])
        assert {fill["tradeId"] for fill in told["fills"]} <= fills.keys()
    assert all(balance.free >= 0 and balance.locked >= 0 for balance in account.balances.values())


async def trade_until_killed(client: Any, exchange: asyncio.subprocess.Process) -> list[dict[str, Any]]:
    """Send market and resting orders, kill the exchange in between; the answers it gave."""
    answers: list[dict[str, Any]] = []
    resting = {"type": "LIMIT", "timeInForce": "GTC", "price": "50000.00"}

    async def one(number: int) -> None:
        kind = resting if number % 2 else {"type": "MARKET"}
        status, body = await client.order(symbol="BTCUSDT", side="BUY", quantity="0.01", **kind)
        if status == 200:
            answers.append(body)

    working = [asyncio.create_task(one(number)) for number in range(150)]
    await working[20]
    exchange.kill()
    await asyncio.gather(*working, return_exceptions=True)
    return answers
