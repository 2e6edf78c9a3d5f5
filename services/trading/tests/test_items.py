"""Items that Postgres writes are what Python would have written from the row's values."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from contracts.trading import SearchFundingPayments, SearchOrders, SearchTrades
from eventlog.log import EventLog
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from trading.views.funding import search_funding
from trading.views.order_pages import search_orders
from trading.views.trade_pages import search_trades

VALUES = """SELECT order_id, account AS account_name, connector AS connector_name, trading_pair, side AS trade_type, order_type,
    amount::float8 AS amount, price::float8 AS price, status, filled_amount::float8 AS filled_amount,
    (filled_quote / nullif(filled_amount, 0))::float8 AS average_fill_price,
    CASE WHEN cardinality(fee_tokens) < 2 THEN fee_paid::float8 END AS fee_paid,
    nullif(array_to_string(fee_tokens, ','), '') AS fee_currency, created_at, updated_at, exchange_order_id, error_message
    FROM orders"""
INSERT = """INSERT INTO orders (order_id, known, client_order_id, account, connector, trading_pair, side, order_type, amount,
    price, exchange_order_id, filled_amount, filled_quote, fee_paid, fee_tokens, error_message, created_at, updated_at)
    VALUES ($1, true, $1, $2, 'binance', $3, 'BUY', 'LIMIT', $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)"""

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=20)
AMOUNTS = st.one_of(
    st.decimals(min_value=0, max_value=10**9, places=18),
    st.decimals(min_value=0, max_value=Decimal("1e300"), allow_nan=False),
    st.integers(0, 10**20).map(Decimal),
    st.sampled_from([Decimal(text) for text in ("0", "1", "0.1", "1e-8", "1e-300", "1e14", "1e15", "1e16", "1e22", "1e300")]),
)
TIMES = st.timedeltas(timedelta(0), timedelta(days=33_000)).map(lambda age: datetime(2009, 1, 3, tzinfo=UTC) + age)
WHOLE = st.one_of(TIMES, TIMES.map(lambda each: each.replace(microsecond=0)))


@st.composite
def rows(draw: st.DrawFn) -> tuple[Any, ...]:
    """The values of `INSERT`."""
    filled = draw(st.sampled_from([Decimal(0), Decimal("0.3"), Decimal(7), Decimal("1e-18")]))
    return (
        draw(TEXTS),
        draw(TEXTS),
        draw(TEXTS),
        draw(AMOUNTS),
        draw(st.none() | AMOUNTS),
        draw(st.none() | TEXTS),
        filled,
        draw(st.decimals(min_value=0, max_value=10**9, places=9)),
        draw(AMOUNTS),
        draw(st.lists(TEXTS, max_size=2)),
        draw(st.none() | TEXTS),
        draw(WHOLE),
        draw(WHOLE),
    )


def written(row: Any) -> str:
    """The item as Python writes it."""
    values = {name: value.isoformat() if isinstance(value, datetime) else value for name, value in row.items()}
    return exact(values)


def exact(values: Any) -> str:
    """Order, types and every digit of a JSON value."""
    return repr(json.loads(json.dumps(values)))


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
async def test_an_order_is_written_as_python_would(log: EventLog, data: st.DataObject) -> None:
    await log.fetch("DELETE FROM orders")
    await log.fetch(INSERT, *data.draw(rows()))
    [row] = await log.fetch(VALUES)
    page = json.loads(await search_orders(log, SearchOrders()))
    assert [exact(item) for item in page["data"]] == [written(row)]
    assert page["pagination"] == {"limit": 100, "has_more": False, "next_cursor": None, "total_count": 1}


async def test_numbers_and_times_of_other_pages(log: EventLog) -> None:
    at = datetime(2026, 1, 2, 3, 4, 5, 60, UTC)
    await log.fetch(
        """INSERT INTO trades (order_id, exchange_trade_id, trade_id, account, connector, trading_pair, side, order_type,
            amount, price, fee, fee_token, time) VALUES ('o', '1', 'o_1', 'a"b', 'binance', 'BTC-USDT', 'BUY', 'LIMIT', 3, 0.1,
            -0.5, NULL, $1)""",
        at,
    )
    await log.fetch(
        """INSERT INTO funding_payments (account, connector, trading_pair, exchange_funding_id, id, funding_payment_id, amount,
            token, rate, position_amount, time) VALUES ('é', 'binance', 'BTC-USDT', '1', 7, 'f', -2, 'USDT', NULL, -1.5, $1)""",
        at,
    )
    [trade] = json.loads(await search_trades(log, SearchTrades()))["data"]
    [payment] = json.loads(await search_funding(log, SearchFundingPayments()))["data"]
    assert (trade["account_name"], trade["timestamp"]) == ('a"b', at.isoformat())
    assert [repr(trade[name]) for name in ("amount", "price", "fee_paid", "fee_currency")] == ["3.0", "0.1", "-0.5", "None"]
    assert (payment["account_name"], payment["id"], payment["timestamp"]) == ("é", 7, at.isoformat())
    names = ("funding_rate", "funding_payment", "position_size", "position_side")
    assert [repr(payment[name]) for name in names] == ["None", "-2.0", "1.5", "'SHORT'"]


async def test_no_rows_are_a_page_too(log: EventLog) -> None:
    assert json.loads(await search_orders(log, SearchOrders(status="NONE"))) == {
        "data": [],
        "pagination": {"limit": 100, "has_more": False, "next_cursor": None, "total_count": 0},
    }
