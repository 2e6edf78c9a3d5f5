"""Spans of time, [start, end) in whole Unix seconds, and the candles in them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from itertools import pairwise

from contracts.market_data import SECONDS

type Span = tuple[int, int]

SETTLING = 3
"""Seconds after its end in which an exchange may still change a candle."""

LATE = 10
"""Candles at the end of an answer whose absence proves nothing yet: the exchange may be behind."""


def united(spans: Iterable[Span]) -> list[Span]:
    """The same seconds as few spans in their order; empty ones are left out."""
    found: list[Span] = []
    for start, end in sorted(span for span in spans if span[0] < span[1]):
        if found and start <= found[-1][1]:
            found[-1] = found[-1][0], max(found[-1][1], end)
        else:
            found.append((start, end))
    return found


def without(span: Span, covered: Iterable[Span]) -> list[Span]:
    """The parts of `span` outside all of `covered`."""
    left, rest = [], span
    for start, end in united(covered):
        if rest[0] < start:
            left.append((rest[0], min(start, rest[1])))
        rest = max(rest[0], end), rest[1]
    return united([*left, rest])


def closed_before(interval: str, now: int) -> int:
    """The time before which every candle that opened is closed and settled."""
    return now - SETTLING - SECONDS[interval] + 1


def proven(asked: Span, opens: Sequence[int], interval: str, now: int) -> Span:
    """What an answer of the exchange proves: all of `asked`, but not what is behind its last candle while it may be late."""
    start, end = asked
    doubtful = closed_before(interval, now) - LATE * SECONDS[interval]
    if end <= doubtful:
        return asked
    last = opens[-1] + 1 if opens else start
    return start, max(start, min(end, max(last, doubtful)))


def partition(interval: str, time: int) -> tuple[str, Span]:
    """The name and span of the part of the store that holds candles opening at `time`: a day, a month or a year in UTC."""
    moment = datetime.fromtimestamp(time, UTC)
    if SECONDS[interval] < 60:
        start = time - time % 86400
        return moment.strftime("%Y-%m-%d"), (start, start + 86400)
    if SECONDS[interval] < 3600:
        later = (moment.year + moment.month // 12, moment.month % 12 + 1)
        return moment.strftime("%Y-%m"), (_seconds(moment.year, moment.month), _seconds(*later))
    return moment.strftime("%Y"), (_seconds(moment.year, 1), _seconds(moment.year + 1, 1))


def partitions(interval: str, span: Span) -> list[tuple[str, Span]]:
    """The parts of the store that a span touches, each with what of the span is in it."""
    found = []
    start, end = span
    while start < end:
        name, (_, after) = partition(interval, start)
        found.append((name, (start, min(after, end))))
        start = after
    return found


def pages(span: Span, interval: str, most: int) -> list[Span]:
    """The span cut so that an answer of `most` candles holds each piece, with one candle to spare on either side."""
    step = max(1, most - 2) * (28 * 86400 if interval == "1M" else SECONDS[interval])
    return [(start, min(start + step, span[1])) for start in range(span[0], span[1], step)]


def gaps(opens: Sequence[int], covered: Iterable[Span], interval: str) -> list[Span]:
    """Where the exchange has no candle between two others although all was asked for: [end of one, open of the next)."""
    step = SECONDS[interval]
    missing = [(one + step, other) for one, other in pairwise(opens) if other > one + step]
    whole = united(covered)
    return [(start, end) for start, end in missing if any(a <= start and end <= b for a, b in whole)]


def _seconds(year: int, month: int) -> int:
    return int(datetime(year, month, 1, tzinfo=UTC).timestamp())
