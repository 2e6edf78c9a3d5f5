"""Pages of orders and trades: every row once while new ones arrive, true totals, exact shapes, at any depth the same cost."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from contracts.message import Metadata
from contracts.rejections import CursorInvalid
from contracts.trading import ActiveOrders, OrderCancelled, SearchOrders, SearchTrades, Side
from eventlog.log import EventLog
from order_examples import filled, placed, submitted
from service_kit.paging import decode_cursor, encode_cursor
from trading.domain import money
from trading.views.order_pages import active_orders, search_orders
from trading.views.trade_pages import search_trades

MANY = 20_000
START = datetime(2026, 1, 1, tzinfo=UTC)

FILL_ORDERS = """INSERT INTO orders (order_id, known, client_order_id, account, connector, trading_pair, side, order_type,
    amount, acknowledged, closed, created_at, updated_at)
SELECT 'o' || n, true, 'o' || n, 'account' || n % 3, 'binance', (ARRAY['BTC-USDT', 'ETH-USDT'])[1 + n % 2], 'BUY', 'LIMIT', 1,
    true, CASE WHEN n % 4 = 0 THEN NULL ELSE 'FILLED' END, $1::timestamptz + make_interval(secs => n / 10), now()
FROM generate_series(1, $2::int) n"""
FILL_TRADES = """INSERT INTO trades (order_id, exchange_trade_id, trade_id, account, connector, trading_pair, side, order_type,
    amount, price, fee, time)
SELECT 'o' || n, n::text, 'o' || n || '_' || n, 'account' || n % 3, 'binance', 'BTC-USDT', (ARRAY['BUY', 'SELL'])[1 + n % 2],
    'LIMIT', 1, 1, 0, $1::timestamptz + make_interval(secs => n / 10) FROM generate_series(1, $2::int) n"""

type Search = Callable[[EventLog, Any], Awaitable[bytes]]


async def pages(log: EventLog, search: Search, query: Any) -> AsyncIterator[dict[str, Any]]:
    while True:
        page = json.loads(await search(log, query))
        yield page
        cursor = page["pagination"]["next_cursor"]
        assert page["pagination"]["has_more"] == (cursor is not None)
        if cursor is None:
            return
        query = query.model_copy(update={"cursor": cursor})


async def everything(log: EventLog, search: Search, query: Any, key: str = "order_id") -> list[str]:
    return [item[key] async for page in pages(log, search, query) for item in page["data"]]


async def test_20000_orders_come_once_each_newest_first_while_others_arrive(log: EventLog) -> None:
    await log.fetch(FILL_ORDERS, START, MANY)
    seen: list[str] = []
    times: list[str] = []
    number = 0
    async for page in pages(log, search_orders, SearchOrders(limit=500)):
        assert page["pagination"]["total_count"] == MANY
        assert page["pagination"]["limit"] == 500
        seen += [item["order_id"] for item in page["data"]]
        times += [item["created_at"] for item in page["data"]]
        number += 1
        late = placed(order_id=f"late{number}")
        await log.append(f"trading.order-late{number}", 0, [late], Metadata())
    assert len(seen) == len(set(seen)) == MANY
    assert not [order_id for order_id in seen if order_id.startswith("late")]
    assert times == sorted(times, reverse=True)


async def test_a_deep_page_starts_in_an_index(log: EventLog) -> None:
    """Rows read by pages at both ends are compared in tests/integration/test_paging.py."""
    await log.fetch(FILL_ORDERS, START, MANY)
    await log.fetch("ANALYZE orders")
    plan = await log.fetch(
        """EXPLAIN SELECT * FROM orders WHERE known AND account = 'account1' AND (created_at, order_id) < ($1, 'o9')
        ORDER BY created_at DESC, order_id DESC LIMIT 101""",
        START + timedelta(seconds=900),
    )
    assert "Index Scan Backward using orders_by" in plan[1][0]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"account_names": ("account1", "account2")}, lambda n: n % 3 != 0),
        ({"trading_pairs": ("ETH-USDT",)}, lambda n: n % 2 == 1),
        ({"status": "open"}, lambda n: n % 4 == 0),
        ({"connector_names": ("binance",), "status": "FILLED"}, lambda n: n % 4 != 0),
        ({"connector_names": ("kraken",)}, lambda n: False),
        ({"start_time": START + timedelta(seconds=10), "end_time": START + timedelta(seconds=20)}, lambda n: 100 <= n < 210),
        ({"account_names": ()}, lambda n: True),
    ],
)
async def test_filters_of_orders(log: EventLog, filters: dict[str, Any], expected: Callable[[int], bool]) -> None:
    await log.fetch(FILL_ORDERS, START, 600)
    wanted = {f"o{n}" for n in range(1, 601) if expected(n)}
    query = SearchOrders(limit=50, **filters)
    found = await everything(log, search_orders, query)
    assert len(found) == len(wanted)
    assert set(found) == wanted
    first = json.loads(await search_orders(log, query))
    assert first["pagination"]["total_count"] == len(wanted)


async def test_active_orders_by_id(log: EventLog) -> None:
    await log.fetch(FILL_ORDERS, START, 600)
    found = await everything(log, active_orders, ActiveOrders(limit=7, account_names=("account0",)))
    assert found == sorted(f"o{n}" for n in range(1, 601) if n % 4 == 0 and n % 3 == 0)


async def test_trades(log: EventLog) -> None:
    await log.fetch(FILL_TRADES, START, 5_000)
    found = await everything(log, search_trades, SearchTrades(limit=1000), "trade_id")
    assert len(set(found)) == len(found) == 5_000
    sells = SearchTrades(limit=1000, trade_types=(Side.SELL,), account_names=("account1",))
    assert set(await everything(log, search_trades, sells)) == {f"o{n}" for n in range(1, 5_001) if n % 2 and n % 3 == 1}


async def test_a_cursor_that_was_edited_or_belongs_to_another_search_is_invalid(log: EventLog) -> None:
    await log.fetch(FILL_ORDERS, START, 10)
    query = SearchOrders(limit=5)
    cursor = json.loads(await search_orders(log, query))["pagination"]["next_cursor"]
    place = decode_cursor(cursor)
    forged = [
        "",
        "0:",
        "nonsense",
        cursor[:-4],
        encode_cursor({**place, "n": 7}),
        encode_cursor({**place, "k": ["2026-01-01", "o1"]}),
        encode_cursor({**place, "k": "o1"}),
        encode_cursor({}),
    ]
    for text in forged:
        with pytest.raises(CursorInvalid):
            await search_orders(log, query.model_copy(update={"cursor": text}))
    with pytest.raises(CursorInvalid):
        await search_orders(log, SearchOrders(limit=5, status="OPEN", cursor=cursor))
    with pytest.raises(CursorInvalid):
        await active_orders(log, ActiveOrders(limit=5, cursor=cursor))
    assert json.loads(await search_orders(log, SearchOrders(limit=3, cursor=cursor)))["pagination"]["has_more"]


async def test_the_shapes_of_the_contract(log: EventLog) -> None:
    order_id = placed().order_id
    cancelled = OrderCancelled(order_id=order_id, reason="cancelled", time=START)
    events = [placed(), submitted(), filled("5", "0.25", "99"), cancelled]
    await log.append(f"trading.order-{order_id}", 0, events, Metadata())
    page = json.loads(await search_orders(log, SearchOrders()))
    assert page["pagination"] == {"limit": 100, "has_more": False, "next_cursor": None, "total_count": 1}
    item = page["data"][0]
    created = item.pop("created_at"), item.pop("updated_at")
    assert all(datetime.fromisoformat(text).utcoffset() == timedelta(0) for text in created)
    assert item == {
        "order_id": order_id,
        "account_name": "main",
        "connector_name": "binance",
        "trading_pair": "BTC-USDT",
        "trade_type": "BUY",
        "order_type": "LIMIT",
        "amount": 1.0,
        "price": 100.0,
        "status": "CANCELLED",
        "filled_amount": 0.25,
        "average_fill_price": 99.0,
        "fee_paid": 0.001,
        "fee_currency": "BTC",
        "exchange_order_id": "7",
        "error_message": None,
    }
    assert all(isinstance(item[name], float) for name in ("amount", "price", "filled_amount", "average_fill_price", "fee_paid"))


async def test_the_shape_of_a_trade(log: EventLog) -> None:
    order_id = placed().order_id
    await log.append(f"trading.order-{order_id}", 0, [placed(), submitted(), filled("5", "0.25", "99")], Metadata())
    assert json.loads(await search_trades(log, SearchTrades()))["data"] == [
        {
            "trade_id": f"{order_id}_5",
            "order_id": order_id,
            "account_name": "main",
            "connector_name": "binance",
            "trading_pair": "BTC-USDT",
            "trade_type": "BUY",
            "amount": 0.25,
            "price": 99.0,
            "fee_paid": 0.001,
            "fee_currency": "BTC",
            "timestamp": "2026-11-23T10:00:00+00:00",
        }
    ]


async def test_fees_in_two_tokens_are_not_summed(log: EventLog) -> None:
    order_id = placed().order_id
    fills = [filled("1", "0.25"), filled("2", "0.25").model_copy(update={"fee_token": "BNB"})]
    await log.append(f"trading.order-{order_id}", 0, [placed(), *fills], Metadata())
    item = json.loads(await search_orders(log, SearchOrders()))["data"][0]
    assert (item["fee_paid"], item["fee_currency"]) == (None, "BTC,BNB")


async def test_no_digit_is_lost_in_the_tables(log: EventLog) -> None:
    order_id = placed().order_id
    amount, price = "0.123456789012345678901234567890123456789", "98765.432109876543210987654321"
    fills = [filled("1", amount, price), filled("2", amount, price)]
    await log.append(f"trading.order-{order_id}", 0, [placed(), *fills], Metadata())
    row = (await log.fetch("SELECT filled_amount, filled_quote FROM orders"))[0]
    assert row["filled_amount"] == Decimal("0.246913578024691357802469135780246913578")
    once = money.product(Decimal(amount), Decimal(price))
    assert row["filled_quote"] == money.add(once, once)
