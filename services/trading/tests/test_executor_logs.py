"""Logs of executors: captured where they run, stored in batches, bounded, and read page by page."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
from contracts.rejections import Unavailable
from contracts.trading import GetExecutorLogs
from eventlog.log import EventLog
from trading.handlers.executor_log import ExecutorLog, logged_as
from trading.views import executor_logs
from trading.views.executor_logs import LINES_KEPT, Line, executor_log, keep_lines

ENGINE = logging.getLogger("hummingbot.strategy_v2.executors.some_executor")
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.fixture
async def log(database_url: str) -> AsyncIterator[EventLog]:
    started = EventLog(database_url, context="trading", tables=(executor_logs.metadata,))
    await started.start()
    yield started
    await started.stop()


@pytest.fixture
async def lines(log: EventLog) -> AsyncIterator[ExecutorLog]:
    ENGINE.setLevel(logging.INFO)
    made = ExecutorLog(log)
    await made.attach()
    yield made
    await made.detach()


async def read(log: EventLog, executor_id: str, **options: Any) -> Any:
    return json.loads(await executor_log(log, GetExecutorLogs(executor_id=executor_id, **options)))


async def test_lines_belong_to_the_executor_whose_task_logged_them(log: EventLog, lines: ExecutorLog) -> None:
    async def work(number: int) -> None:
        await asyncio.sleep(0)
        ENGINE.info("step of %s\0", number)
        try:
            raise ValueError(number)
        except ValueError:
            ENGINE.exception("trouble")

    tasks = []
    for number in (1, 2):
        with logged_as(f"e{number}"):
            tasks.append(asyncio.create_task(work(number)))
    await asyncio.gather(*tasks)
    ENGINE.info("of nobody")
    await lines.write()
    for number in (1, 2):
        answer = await read(log, f"e{number}")
        assert [(each["level"], each["message"]) for each in answer["logs"]] == [
            ("INFO", f"step of {number}"),
            ("ERROR", "trouble"),
        ]
        assert f"ValueError: {number}" in answer["logs"][1]["exc_info"]
        assert "exc_info" not in answer["logs"][0]
    assert await read(log, "nobody") == {"executor_id": "nobody", "logs": [], "total_count": 0, "cursor": 0}


async def test_pages_lead_on_and_levels_filter(log: EventLog) -> None:
    levels = ("INFO", "ERROR")
    await keep_lines(log, [Line("e1", NOW, levels[n % 2], str(n), None) for n in range(10)])
    newest = await read(log, "e1", limit=3)
    assert [each["message"] for each in newest["logs"]] == ["7", "8", "9"]
    assert newest["total_count"] == 10
    assert (await read(log, "e1", after=newest["cursor"]))["cursor"] == newest["cursor"]
    await keep_lines(log, [Line("e1", NOW, "INFO", str(n), None) for n in range(10, 15)])
    following = await read(log, "e1", after=newest["cursor"], limit=4)
    assert [each["message"] for each in following["logs"]] == ["10", "11", "12", "13"]
    errors = await read(log, "e1", level="error")
    assert (errors["total_count"], len(errors["logs"])) == (5, 5)


async def test_the_oldest_lines_go(log: EventLog) -> None:
    await keep_lines(log, [Line("e1", NOW, "INFO", str(n), None) for n in range(LINES_KEPT)])
    await keep_lines(log, [Line("e1", NOW, "INFO", "more", None), Line("e2", NOW, "INFO", "other", None)])
    assert (await read(log, "e1"))["total_count"] == LINES_KEPT
    assert (await read(log, "e1", after=0, limit=1))["logs"][0]["message"] == "1"
    assert (await read(log, "e2"))["total_count"] == 1


async def test_nothing_is_lost_while_the_database_is_away(lines: ExecutorLog, log: EventLog) -> None:
    class Away:
        async def fetch(self, _sql: str, /, *_args: object) -> list[Any]:
            raise Unavailable("away")

    away = ExecutorLog(Away())
    await away.attach()
    with logged_as("e1"):
        ENGINE.info("first")
        ENGINE.info("second")
    await away.detach()
    with pytest.raises(Unavailable):
        await away.write()
    away._rows = log
    await away.write()
    await away.write()
    assert [each["message"] for each in (await read(log, "e1"))["logs"]] == ["first", "second"]
