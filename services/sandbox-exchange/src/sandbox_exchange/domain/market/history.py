"""Bars of a pair at every interval, from the seconds of its price process and the accounts' own trades."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

import numpy as np

from sandbox_exchange.domain.market.pairs import Pair
from sandbox_exchange.domain.market.prices import DAY, Integers, PriceProcess, Seconds
from sandbox_exchange.domain.spot.events import PriceSet, Traded
from sandbox_exchange.domain.spot.orders import Side

INTERVALS: Mapping[str, int] = {
    "1s": 1, "1m": 60, "3m": 180, "5m": 300, "15m": 900, "30m": 1800, "1h": 3600, "2h": 7200, "4h": 14_400, "6h": 21_600,
    "8h": 28_800, "12h": 43_200, "1d": DAY, "3d": 3 * DAY, "1w": 7 * DAY, "1M": 30 * DAY,
}  # fmt: skip
"""Interval names and their length in seconds; a month's length is nominal."""
WEEK_OFFSET = 4 * DAY
"""Weeks start on Monday, and 1970-01-05 was the first."""
DAYS_KEPT = 3
MINUTE_DAYS_KEPT = 45
HOUR_DAYS_KEPT = 1200
OPEN, HIGH, LOW, CLOSE, LOTS, QUOTE, COUNT, BUY_LOTS, BUY_QUOTE = range(9)


@dataclass(frozen=True, slots=True)
class Bar:
    """One candle. `open_time` and `close_time` are in ms, both inclusive; amounts exact."""

    open_time: int
    close_time: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    quote_volume: Decimal
    trades: int
    taker_buy_volume: Decimal
    taker_buy_quote_volume: Decimal


def interval_start(interval: str, second: int) -> int:
    """The second at which the bar that holds `second` opens."""
    if interval == "1M":
        moment = datetime.fromtimestamp(second, UTC)
        return int(datetime(moment.year, moment.month, 1, tzinfo=UTC).timestamp())
    length = INTERVALS[interval]
    offset = WEEK_OFFSET if interval == "1w" else 0
    return (second - offset) // length * length + offset


def next_start(interval: str, start: int) -> int:
    """The second at which the bar after the one that opens at `start` opens."""
    return interval_start(interval, start + 32 * DAY) if interval == "1M" else start + INTERVALS[interval]


def aggregate(seconds: Seconds, start: int, end: int, length: int) -> Integers:
    """Bars of `length` seconds over the day's seconds `start` to `end`: a row of nine numbers each, in ticks and lots."""
    shape = (-1, length)
    ticks, lots = seconds.ticks[start:end].reshape(shape), seconds.lots[start:end].reshape(shape)
    bought = np.where(seconds.taker_buys[start:end].reshape(shape), lots, 0)
    columns = (
        ticks[:, 0], ticks.max(1), ticks.min(1), ticks[:, -1], lots.sum(1), (ticks * lots).sum(1), (lots > 0).sum(1),
        bought.sum(1), (ticks * bought).sum(1),
    )  # fmt: skip
    rows: Integers = np.asarray(np.stack(columns, axis=1), np.int64)
    return rows


def merge(rows: Integers) -> Integers:
    """One bar from consecutive bars."""
    total: Integers = rows.sum(0)
    total[OPEN], total[CLOSE] = rows[0, OPEN], rows[-1, CLOSE]
    total[HIGH], total[LOW] = rows[:, HIGH].max(), rows[:, LOW].min()
    return total


class History:
    """One pair's market data: seconds, bars and last prices at any time, past or present.

    `prices_set` and `trades` are the exchange's own lists: a price set by the operator scales the process from its second
    on, and the accounts' trades (by minute) are added to the bars.
    """

    def __init__(
        self, pair: Pair, process: PriceProcess, prices_set: Sequence[PriceSet], trades: Mapping[int, list[Traded]]
    ) -> None:
        self.pair = pair
        self.process = process
        self._prices_set = prices_set
        self._trades = trades
        self._days: OrderedDict[tuple[int, int], Seconds] = OrderedDict()
        self._rows_kept: dict[int, OrderedDict[tuple[int, int], Integers]] = {60: OrderedDict(), 3600: OrderedDict()}

    def second(self, at: int) -> tuple[int, int, bool]:
        """Price in ticks, traded lots and whether the taker bought, in the second `at`."""
        day = self._day(at // DAY)
        index = at % DAY
        return int(day.ticks[index]), int(day.lots[index]), bool(day.taker_buys[index])

    def raw_ticks(self, at: int) -> int:
        """The process's own price in the second `at`, before any price set by the operator."""
        return int(self.process.day(at // DAY).ticks[at % DAY])

    def bars(self, interval: str, start: int, end: int, now: int) -> list[Bar]:
        """The bars that open in seconds `start` <= t < `end`, oldest first; the bar of `now` is what it is so far."""
        first = interval_start(interval, start)
        opening = first if first >= start else next_start(interval, first)
        result = []
        while opening < end and opening <= now:
            following = next_start(interval, opening)
            result.append(self._bar(opening, following, min(following, now + 1)))
            opening = following
        return result

    def current(self, interval: str, now: int) -> Bar:
        """The bar that holds the second `now`, as far as it has come."""
        start = interval_start(interval, now)
        return self._bar(start, next_start(interval, start), now + 1)

    def warm(self, day: int, interval: str) -> None:
        """Compute what bars of `interval` in a day need; some milliseconds the first time, nothing after."""
        self._day_rows(day, 3600 if INTERVALS[interval] >= 3600 else 60)

    def totals(self, start: int, end: int) -> Bar:
        """One bar over whole seconds `start` <= t < `end`."""
        return self._bar(start, end, end)

    def _bar(self, start: int, closing: int, end: int) -> Bar:
        row = merge(self._rows(start, end))
        pair = self.pair
        bar = Bar(
            start * 1000, closing * 1000 - 1, pair.price(int(row[OPEN])), pair.price(int(row[HIGH])),
            pair.price(int(row[LOW])), pair.price(int(row[CLOSE])), pair.quantity(int(row[LOTS])),
            pair.tick * pair.step * int(row[QUOTE]), int(row[COUNT]), pair.quantity(int(row[BUY_LOTS])),
            pair.tick * pair.step * int(row[BUY_QUOTE]),
        )  # fmt: skip
        own = [trade for minute in self._own_minutes(start, end) for trade in self._trades[minute]]
        return with_trades(bar, [trade for trade in own if start <= trade.at // 1000 < end])

    def _own_minutes(self, start: int, end: int) -> list[int]:
        """The minutes of a span in which accounts traded, oldest first; the shorter of the two lists is searched."""
        wanted = range(start // 60, (end - 1) // 60 + 1)
        if len(wanted) < len(self._trades):
            return [minute for minute in wanted if minute in self._trades]
        return sorted(minute for minute in self._trades if minute in wanted)

    def _rows(self, start: int, end: int) -> Integers:
        """Rows that together cover exactly the seconds `start` <= t < `end`: whole minutes where possible."""
        parts: list[Integers] = []
        while start < end:
            number, index = divmod(start, DAY)
            stop = min(end - number * DAY, DAY)
            if index % 3600 == 0 and stop - index >= 3600:
                upto = stop // 3600 * 3600
                parts.append(self._day_rows(number, 3600)[index // 3600 : upto // 3600])
            elif index % 60 == 0 and stop - index >= 60:
                upto = min(stop // 60 * 60, (index // 3600 + 1) * 3600)
                parts.append(self._day_rows(number, 60)[index // 60 : upto // 60])
            else:
                upto = min(stop, (index // 60 + 1) * 60)
                parts.append(aggregate(self._day(number), index, upto, upto - index))
            start = number * DAY + upto
        return np.concatenate(parts)

    def _day_rows(self, number: int, length: int) -> Integers:
        """The bars of `length` seconds of a whole day."""
        key, kept = (number, len(self._prices_set)), self._rows_kept[length]
        rows = kept.get(key)
        if rows is None:
            rows = kept[key] = aggregate(self._day(number), 0, DAY, length)
            if len(kept) > (HOUR_DAYS_KEPT if length == 3600 else MINUTE_DAYS_KEPT):
                kept.popitem(last=False)
        return rows

    def _day(self, number: int) -> Seconds:
        key = (number, len(self._prices_set))
        day = self._days.get(key)
        if day is None:
            day = self._days[key] = self._scaled(number)
            if len(self._days) > DAYS_KEPT:
                self._days.popitem(last=False)
        return day

    def _scaled(self, number: int) -> Seconds:
        day = self.process.day(number)
        ticks = day.ticks
        for change in self._prices_set:
            first = max(change.at // 1000 - number * DAY, 0)
            if first < DAY:
                scaled = np.maximum(np.rint(day.ticks[first:] * float(change.price / change.raw)), 1).astype(np.int64)
                ticks = np.concatenate([ticks[:first], scaled])
        return Seconds(ticks, day.lots, day.taker_buys)


def with_trades(bar: Bar, trades: Sequence[Traded]) -> Bar:
    """The bar with accounts' trades added: they widen its range and add to its volume."""
    if not trades:
        return bar
    prices = [trade.price for trade in trades]
    bought = [trade for trade in trades if trade.taker_side is Side.BUY]
    return Bar(
        bar.open_time, bar.close_time, bar.open, max(bar.high, *prices), min(bar.low, *prices), bar.close,
        bar.volume + sum(trade.quantity for trade in trades),
        bar.quote_volume + sum(trade.price * trade.quantity for trade in trades),
        bar.trades + len(trades),
        bar.taker_buy_volume + sum(trade.quantity for trade in bought),
        bar.taker_buy_quote_volume + sum(trade.price * trade.quantity for trade in bought),
    )  # fmt: skip
