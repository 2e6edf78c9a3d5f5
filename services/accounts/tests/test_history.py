"""The history against a real Postgres: every row reachable, sampling, thinning, the pace of snapshots."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from accounts.domain.history import Retention, next_tick, thinnings
from accounts.domain.portfolio import Holding
from accounts.handlers import history
from accounts.handlers.history import History, history_page
from accounts.views.history import save_snapshot
from contracts.accounts import GetPortfolioHistory, HistoryIntervalUnknown
from contracts.message import Metadata
from contracts.rejections import CursorInvalid, Unavailable
from eventlog.log import EventLog

START = datetime(2026, 3, 1, tzinfo=UTC)
FIVE = timedelta(minutes=5)


async def fill(log: EventLog, count: int, every: timedelta = FIVE) -> list[datetime]:
    """Snapshots of a.binance; every tenth has b.kraken too."""
    times = [START + number * every for number in range(count)]
    for number, at in enumerate(times):
        rows: list[Any] = [("a", "binance", [["BTC", "0.1", "0.1", str(number + 1)]])]
        if number % 10 == 0:
            rows.append(("b", "kraken", [["USDT", "1", "1", "1"]]))
        await save_snapshot(log, at, rows)
    return times


async def page(log: EventLog, **query: Any) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(await history_page(log, GetPortfolioHistory(**query)))
    return answer


async def pages(log: EventLog, **query: Any) -> list[datetime]:
    """The times of all pages."""
    found: list[datetime] = []
    cursor = None
    while True:
        answer = await page(log, cursor=cursor, **query)
        found += [datetime.fromisoformat(point["timestamp"]) for point in answer["data"]]
        cursor = answer["pagination"]["next_cursor"]
        assert answer["pagination"]["has_more"] == (cursor is not None)
        if cursor is None:
            return found


async def test_a_page_has_the_contract_s_shape(log: EventLog) -> None:
    times = await fill(log, 11)
    answer = await page(log, limit=1, account_names=("a", "b"), start_time=START, interval="1h")
    assert answer == {
        "data": [
            {
                "timestamp": times[10].isoformat(),
                "state": {
                    "a": {
                        "binance": [{"token": "BTC", "units": 0.1, "price": 11.0, "value": 1.1, "available_units": 0.1}],
                    },
                    "b": {
                        "kraken": [{"token": "USDT", "units": 1.0, "price": 1.0, "value": 1.0, "available_units": 1.0}],
                    },
                },
            }
        ],
        "pagination": {
            "limit": 1,
            "has_more": False,
            "next_cursor": None,
            "current_cursor": None,
            "filters": {
                "account_names": ["a", "b"],
                "connector_names": None,
                "start_time": 1772323200000,
                "end_time": None,
                "interval": "1h",
            },
        },
    }


async def test_every_snapshot_is_reached_once_also_while_new_ones_come(log: EventLog) -> None:
    times = await fill(log, 57)
    first = await page(log, limit=10)
    await save_snapshot(log, times[-1] + FIVE, [("a", "binance", [])])
    rest = await pages(
        log, limit=10, end_time=datetime.fromisoformat(first["pagination"]["next_cursor"]) - timedelta(seconds=1)
    )
    seen = [datetime.fromisoformat(point["timestamp"]) for point in first["data"]] + rest
    assert seen == times[::-1]


@pytest.mark.parametrize(("interval", "step"), [("15m", 3), ("30m", 6), ("1h", 12), ("4h", 48)])
async def test_sampling_keeps_points_the_interval_apart_over_pages(log: EventLog, interval: str, step: int) -> None:
    times = await fill(log, 100)
    assert await pages(log, limit=2, interval=interval) == times[::-1][::step]


async def test_filters_are_applied_before_points_are_chosen(log: EventLog) -> None:
    times = await fill(log, 41)
    assert await pages(log, limit=2, connector_names=("kraken",)) == times[::10][::-1]
    assert await pages(log, limit=50, account_names=("a",), start_time=times[3], end_time=times[7]) == times[3:8][::-1]
    assert await pages(log, limit=50, account_names=("nobody",)) == []


async def test_a_page_ends_early_rather_than_outgrow_the_bus(log: EventLog, monkeypatch: pytest.MonkeyPatch) -> None:
    times = await fill(log, 30)
    monkeypatch.setattr(history, "PAGE_BYTES", 1000)
    answer = await page(log, limit=30)
    assert 1 < len(answer["data"]) < 10
    assert await pages(log, limit=30) == times[::-1]


@pytest.mark.parametrize("cursor", ["x", "2026-13-01T00:00:00+00:00", "2026-01-01T00:00:00"])
async def test_a_cursor_we_did_not_make_is_refused(log: EventLog, cursor: str) -> None:
    with pytest.raises(CursorInvalid):
        await page(log, cursor=cursor)


async def test_an_unknown_interval_is_refused(log: EventLog) -> None:
    with pytest.raises(HistoryIntervalUnknown):
        await page(log, interval="7m")


async def test_old_snapshots_are_thinned_to_hours_and_days(log: EventLog) -> None:
    await fill(log, 6 * 24 * 4, every=timedelta(minutes=15))
    now = START + timedelta(days=6)
    retention = Retention(every=timedelta(days=2), hourly=timedelta(days=4), daily=timedelta(days=5))
    for _ in range(2):
        await History(log, None, FIVE, retention).thin(now)  # type: ignore[arg-type]
        kept = await pages(log, limit=1000)
        by_day = [sum(1 for at in kept if at.date() == (START + timedelta(days=day)).date()) for day in range(6)]
        assert by_day == [0, 1, 24, 24, 96, 96]
    assert START + timedelta(days=1, hours=23, minutes=45) in kept


def test_borders_lie_on_whole_days() -> None:
    now = datetime(2026, 3, 10, 15, 30, tzinfo=UTC)
    retention = Retention(timedelta(days=7), timedelta(days=8), None)
    drop, daily, hourly = thinnings(now, retention)
    assert (drop.since, drop.until) == (datetime(1970, 1, 1, tzinfo=UTC),) * 2
    assert daily.until == hourly.since == datetime(2026, 3, 2, tzinfo=UTC)
    assert hourly.until == datetime(2026, 3, 3, tzinfo=UTC)


def test_ticks_are_the_same_for_every_replica() -> None:
    assert next_tick(START + timedelta(seconds=1), FIVE) == START + FIVE
    assert next_tick(START, FIVE) == START + FIVE
    assert next_tick(START, timedelta(seconds=0.5)) == START + timedelta(seconds=0.5)


class Enough(Exception):
    """Ends the endless loop of a test."""


async def test_the_history_begins_with_the_first_data_and_goes_on_at_every_tick_it_can(log: EventLog) -> None:
    now = [START + timedelta(minutes=1, seconds=7)]
    sleeps: list[float] = []

    class Valued:
        async def portfolio(self, _: Metadata) -> Any:
            if len(sleeps) == 3:
                raise Unavailable("database away")
            empty = not sleeps
            return {"a": {"binance": () if empty else (Holding("USDT", Decimal(1), Decimal(1), Decimal(1)),)}}

    async def sleep(seconds: float) -> None:
        if len(sleeps) == 5:
            raise Enough
        sleeps.append(seconds)
        now[0] += timedelta(seconds=seconds)

    retention = Retention(timedelta(days=7), timedelta(days=90), None)
    with pytest.raises(Enough):
        await History(log, Valued(), FIVE, retention, clock=lambda: now[0], sleep=sleep).run()  # type: ignore[arg-type]
    first = START + timedelta(minutes=1, seconds=8)
    assert await pages(log) == [START + 4 * FIVE, START + 3 * FIVE, START + FIVE, first]
