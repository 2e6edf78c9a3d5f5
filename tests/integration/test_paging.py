"""A hundred thousand orders, paged through the gateway with the official client while new ones are placed."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import asyncpg
import pytest
from hummingbot_api_client import HummingbotAPIClient

from tests.stack import PASSWORD, USERNAME, Stack

MANY = 100_000
LIMIT = 1000
SAMPLE = 20
"""Pages at either end whose cost is compared."""

FILL = """INSERT INTO orders (order_id, known, client_order_id, account, connector, trading_pair, side, order_type, amount,
    acknowledged, closed, created_at, updated_at)
SELECT 'o' || n, true, 'o' || n, 'master_account', 'binance', 'BTC-USDT', 'BUY', 'LIMIT', 1, true, 'FILLED',
    timestamptz '2026-01-01' + make_interval(secs => n / 7), now() FROM generate_series(1, $1::int) n"""
ARRIVE = (
    FILL.replace("'o' || n", "'late' || n")
    .replace("timestamptz '2026-01-01' + make_interval(secs => n / 7)", "now()")
    .replace("generate_series(1, $1::int)", "generate_series($1::int, $1::int + 9)")
)

pytestmark = pytest.mark.timeout(600)


@pytest.fixture
async def database(stack: Stack) -> Any:
    """The trading service's own database."""
    settings = dict(line.split("=", 1) for line in (stack.home / "run/trading.env").read_text().splitlines() if "=" in line)
    url = settings["TRADING_DATABASE_URL"].strip("'\"")
    connection = await asyncpg.connect(url, server_settings={"search_path": "trading"})
    yield connection
    await connection.close()


async def rows_read(database: Any) -> int:
    """How many order rows indexes have delivered so far, once the servers' counters have settled."""
    before = -1
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        await database.execute("SELECT pg_stat_clear_snapshot()")
        now = int(
            await database.fetchval("SELECT coalesce(idx_tup_fetch, 0) FROM pg_stat_user_tables WHERE relname = 'orders'")
        )
        if now == before:
            return now
        before = now
        await asyncio.sleep(1.5)
    return before


async def test_each_order_comes_once_and_a_deep_page_costs_what_a_shallow_one_costs(stack: Stack, database: Any) -> None:
    await database.execute(FILL, MANY)
    await database.execute("ANALYZE orders")
    seen: list[str] = []
    costs: dict[str, int] = {}
    last = MANY // LIMIT
    async with HummingbotAPIClient(stack.url, USERNAME, PASSWORD) as client:
        page = await client.trading.search_orders(limit=LIMIT)
        for number in range(1, last + 1):
            assert page["pagination"]["total_count"] == MANY
            seen += [order["order_id"] for order in page["data"]]
            await database.execute(ARRIVE, number * 10)
            if number in {1, 1 + SAMPLE, last - SAMPLE, last}:
                costs[f"after page {number}"] = await rows_read(database)
            if page["pagination"]["has_more"]:
                page = await client.trading.search_orders(limit=LIMIT, cursor=page["pagination"]["next_cursor"])
    assert not page["pagination"]["has_more"]
    assert len(seen) == MANY
    assert set(seen) == {f"o{n}" for n in range(1, MANY + 1)}
    first, second, third, fourth = costs.values()
    assert 0 < fourth - third <= 1.2 * (second - first)
