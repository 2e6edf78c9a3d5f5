"""Views made again from the events."""

from __future__ import annotations

import asyncio
from decimal import Decimal

from contracts.message import Metadata
from eventlog.log import EventLog
from purse_domain import CoinsPut, PursesView

STREAM = "money.purse-a"


async def test_a_replay_compares_numbers_by_value(log: EventLog, view: PursesView) -> None:
    await log.append(STREAM, 0, [CoinsPut(amount=Decimal("1.50"))], Metadata())
    assert str((await log.fetch("SELECT amount FROM movements"))[0]["amount"]) == "1.50"
    replayed = await log.replay(view)
    assert replayed.before["movements"] == replayed.after["movements"]
    assert str((await log.fetch("SELECT amount FROM movements"))[0]["amount"]) == "1.5"


async def test_appends_during_a_replay_are_neither_lost_nor_doubled(log: EventLog, view: PursesView) -> None:
    async def append_many() -> None:
        for version in range(60):
            await log.append(STREAM, version, [CoinsPut(amount=Decimal(1))], Metadata())

    appending = asyncio.create_task(append_many())
    while not appending.done():
        await log.replay(view)
    await appending
    assert await log.fetch("SELECT coins FROM purses") == [(Decimal(60),)]
