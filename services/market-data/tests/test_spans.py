"""Spans against their seconds one by one."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from market_data.domain.spans import Span, closed_before, gaps, pages, partitions, proven, united, without

spans = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), max_size=8)


def seconds(found: list[Span]) -> set[int]:
    return {second for start, end in found for second in range(start, end)}


@given(spans)
def test_united_spans_are_the_same_seconds_apart_and_in_order(given_spans: list[Span]) -> None:
    found = united(given_spans)
    assert seconds(found) == seconds(given_spans)
    assert all(one[1] < other[0] for one, other in pairwise(found))


@given(st.tuples(st.integers(0, 60), st.integers(0, 60)), spans)
def test_what_is_left_is_what_is_not_covered(span: Span, covered: list[Span]) -> None:
    assert seconds(without(span, covered)) == seconds([span]) - seconds(covered)


@given(st.integers(0, 10**6), st.integers(1, 10**6), st.integers(3, 1500))
def test_pages_cover_a_span_and_hold_one_answer_each(start: int, length: int, most: int) -> None:
    found = pages((start, start + length), "1m", most)
    assert united(found) == [(start, start + length)]
    assert all((end - begin) // 60 <= most - 2 for begin, end in found)


@given(st.sampled_from(["1s", "1m", "15m", "1h", "1w", "1M"]), st.integers(0, 2 * 10**9), st.integers(1, 10**8))
def test_partitions_cover_a_span_under_distinct_names(interval: str, start: int, length: int) -> None:
    length = min(length, 10**6) if interval == "1s" else length
    found = partitions(interval, (start, start + length))
    assert united(span for _, span in found) == [(start, start + length)]
    assert len({name for name, _ in found}) == len(found)


def test_partitions_are_days_months_and_years_in_utc() -> None:
    new_year = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp())
    around = (new_year - 1, new_year + 1)
    names = {interval: [name for name, _ in partitions(interval, around)] for interval in ("1s", "1m", "1d")}
    assert names == {"1s": ["2025-12-31", "2026-01-01"], "1m": ["2025-12", "2026-01"], "1d": ["2025", "2026"]}


def test_an_unfinished_or_just_finished_candle_is_not_closed() -> None:
    assert closed_before("1m", 600) <= 540
    assert closed_before("1m", 603) == 541


def test_what_is_missing_at_the_end_of_an_answer_proves_nothing_while_the_exchange_may_be_late() -> None:
    now = 100_000
    assert proven((0, 60_000), [], "1m", now) == (0, 60_000)
    assert proven((99_480, 99_900), [99_480, 99_540], "1m", now) == (99_480, 99_541)
    assert proven((99_480, 99_900), [], "1m", now)[1] <= 99_480


def test_gaps_are_told_only_where_everything_was_asked_for() -> None:
    assert gaps([0, 60, 240, 300, 600], [(0, 301)], "1m") == [(120, 240)]
