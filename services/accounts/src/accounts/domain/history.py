"""The portfolio's history: when snapshots are taken, how they are sampled and thinned, and the contract's page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from contracts.accounts import GetPortfolioHistory, HistoryIntervalUnknown
from contracts.rejections import CursorInvalid

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

SPACINGS: Mapping[str, timedelta | None] = {
    "5m": None,
    "15m": timedelta(minutes=15),
    "30m": timedelta(minutes=30),
    "1h": timedelta(hours=1),
    "4h": timedelta(hours=4),
    "12h": timedelta(hours=12),
    "1d": timedelta(days=1),
}
"""The least time between two points of a page. `5m` is the raw data: every snapshot, whatever the update interval."""


@dataclass(frozen=True, slots=True)
class Retention:
    """How long each resolution is kept: every snapshot, then one an hour, then one a day; None: for ever."""

    every: timedelta
    hourly: timedelta
    daily: timedelta | None


@dataclass(frozen=True, slots=True)
class Thinning:
    """Keep the newest snapshot of each `bucket` from `since` up to `until`; without a bucket keep none."""

    since: datetime
    until: datetime
    bucket: timedelta | None


def spacing(interval: str) -> timedelta | None:
    """The spacing of an interval's points; raises HistoryIntervalUnknown."""
    if interval not in SPACINGS:
        detail = f"Interval {interval!r} is none of {', '.join(SPACINGS)}."
        raise HistoryIntervalUnknown(detail, field="interval")
    return SPACINGS[interval]


def next_tick(now: datetime, interval: timedelta) -> datetime:
    """The next multiple of the interval since 1970: replicas and restarts snapshot at the same times."""
    return EPOCH + ((now - EPOCH) // interval + 1) * interval


def thinnings(now: datetime, retention: Retention) -> tuple[Thinning, ...]:
    """What to thin now, oldest first. Borders lie on whole days, so that a bucket is never thinned in two parts."""
    every_until = _day(now - retention.every)
    hourly_until = _day(now - retention.hourly)
    daily_until = EPOCH if retention.daily is None else _day(now - retention.daily)
    return (
        Thinning(EPOCH, daily_until, None),
        Thinning(daily_until, hourly_until, timedelta(days=1)),
        Thinning(hourly_until, every_until, timedelta(hours=1)),
    )


def cursor_time(cursor: str | None) -> datetime | None:
    """The time a history cursor stands for: that of the last point shown, in ISO. Raises CursorInvalid."""
    if cursor is None:
        return None
    try:
        at = datetime.fromisoformat(cursor)
    except ValueError as error:
        raise CursorInvalid("cursor: not the time of a snapshot", field="cursor") from error
    if at.tzinfo is None:
        raise CursorInvalid("cursor: a time without its zone", field="cursor")
    return at


def pagination(query: GetPortfolioHistory, next_cursor: datetime | None) -> dict[str, Any]:
    """The contract's pagination of a history page (8.4). Times of filters are told back in milliseconds, as they were sent."""
    return {
        "limit": query.limit,
        "has_more": next_cursor is not None,
        "next_cursor": None if next_cursor is None else next_cursor.isoformat(),
        "current_cursor": query.cursor,
        "filters": {
            "account_names": query.account_names,
            "connector_names": query.connector_names,
            "start_time": _milliseconds(query.start_time),
            "end_time": _milliseconds(query.end_time),
            "interval": query.interval,
        },
    }


def _day(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def _milliseconds(at: datetime | None) -> int | None:
    return None if at is None else (at - EPOCH) // timedelta(milliseconds=1)
