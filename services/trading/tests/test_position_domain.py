"""Positions: what is worth recording, and pages of them."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from contracts.rejections import CursorInvalid
from contracts.trading import GetPositions, Position, PositionEvent, PositionSide, PositionsReported, SessionEvent
from hypothesis import given
from hypothesis import strategies as st
from trading.domain.positions import RecordPositions
from trading.domain.session import SESSION, Session
from trading.views.positions import position_page

ACCOUNT, CONNECTOR = "master_account", "binance_perpetual"

amounts = st.sampled_from([Decimal("0.1"), Decimal("2")])


def held(pair: str, side: PositionSide, size: Decimal, leverage: int, profit: int = 0) -> Position:
    return Position(
        trading_pair=pair,
        side=side,
        amount=size if side is PositionSide.LONG else -size,
        entry_price=Decimal(100),
        unrealized_pnl=Decimal(profit),
        leverage=Decimal(leverage),
        margin=Decimal(profit) / 10,
    )


a_position = st.builds(
    held,
    st.sampled_from(["BTC-USDT", "ETH-USDT", "SOL-USDT"]),
    st.sampled_from(PositionSide),
    amounts,
    st.sampled_from([5, 20]),
    st.integers(-50, 50),
)
reports = st.lists(a_position, max_size=4, unique_by=lambda each: (each.trading_pair, each.side)).map(tuple)


def record(state: Session, positions: tuple[Position, ...]) -> tuple[Session, list[SessionEvent | PositionEvent]]:
    events = list(SESSION.decide(state, RecordPositions(account=ACCOUNT, connector=CONNECTOR, positions=positions)))
    return SESSION.fold(state, events), events


def lasting(positions: tuple[Position, ...]) -> set[Any]:
    return {(each.trading_pair, each.side, each.amount, each.entry_price, each.leverage) for each in positions}


@given(st.lists(reports, max_size=8))
def test_a_report_is_recorded_exactly_when_something_lasting_changed(told: list[tuple[Position, ...]]) -> None:
    state, before = Session(), set[Any]()
    for positions in told:
        state, events = record(state, positions)
        assert bool(events) == (lasting(positions) != before)
        before = lasting(positions)
        assert lasting(state.positions) == before
        _, again = record(state, tuple(reversed(positions)))
        assert again == []


@given(reports)
def test_a_snapshot_keeps_positions(positions: tuple[Position, ...]) -> None:
    state, _ = record(Session(), positions)
    codec = SESSION.snapshots
    assert codec is not None
    assert codec.decode(json.loads(json.dumps(codec.encode(state)))) == state


def test_the_mark_price_alone_is_no_event() -> None:
    state, [reported] = record(Session(), (held("BTC-USDT", PositionSide.LONG, Decimal(1), 20, 5),))
    assert isinstance(reported, PositionsReported)
    assert record(state, (held("BTC-USDT", PositionSide.LONG, Decimal(1), 20, 7),))[1] == []


def pages(limit: int, sessions: dict[tuple[str, str], tuple[Position, ...]]) -> list[dict[str, Any]]:
    found, cursor = [], None
    while True:
        page = json.loads(position_page(GetPositions(limit=limit, cursor=cursor), sessions))
        found += page["data"]
        cursor = page["pagination"]["next_cursor"]
        assert (cursor is not None) == page["pagination"]["has_more"]
        assert page["pagination"]["total_count"] == sum(len(positions) for positions in sessions.values())
        if cursor is None:
            return found


@given(st.integers(1, 5), st.dictionaries(st.tuples(st.sampled_from("ab"), st.sampled_from("cd")), reports))
def test_pages_have_every_position_once_in_order(limit: int, sessions: dict[tuple[str, str], tuple[Position, ...]]) -> None:
    keys = [(row["account_name"], row["connector_name"], row["trading_pair"], row["side"]) for row in pages(limit, sessions)]
    assert keys == sorted(set(keys))
    assert len(keys) == sum(len(positions) for positions in sessions.values())


def test_a_foreign_cursor_is_refused() -> None:
    with pytest.raises(CursorInvalid):
        position_page(GetPositions(cursor="nonsense"), {})
