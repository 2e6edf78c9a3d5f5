"""A hundred thousand orders, paged through the gateway with the official client while new ones are placed."""

from __future__ import annotations

import asyncio
from typing import Any

import asyncpg
import pytest
from hummingbot_api_client import HummingbotAPIClient

from tests.stack import PASSWORD, USERNAME, Stack

MANY = 100_000
LIMIT = 1000

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


async def rows_read(database: Any, expected: int) -> int:
    """How many order rows indexes have delivered, once all servers have told their counts (idle ones do after 10 s)."""

    async def told() -> int:
        await database.execute("SELECT pg_stat_clear_snapshot()")
        return int(
            await database.fetchval("SELECT coalesce(idx_tup_fetch, 0) FROM pg_stat_user_tables WHERE relname = 'orders'")
        )

    async with asyncio.timeout(60):
        while await told() < expected:  # noqa: ASYNC110 - counters give no event
            await asyncio.sleep(0.5)
    await asyncio.sleep(11)
    return await told()


async def test_each_order_comes_once_and_a_deep_page_costs_what_a_shallow_one_costs(stack: Stack, database: Any) -> None:
    await database.execute(FILL, MANY)
    await database.execute("VACUUM ANALYZE orders")
    seen: list[str] = []
    last = MANY // LIMIT
    async with HummingbotAPIClient(stack.url, USERNAME, PASSWORD) as client:
        page = await client.trading.search_orders(limit=LIMIT)
        for number in range(1, last + 1):
            assert page["pagination"]["total_count"] == MANY
            seen += [order["order_id"] for order in page["data"]]
            await database.execute(ARRIVE, number * 10)
            if page["pagination"]["has_more"]:
                page = await client.trading.search_orders(limit=LIMIT, cursor=page["pagination"]["next_cursor"])
    assert not page["pagination"]["has_more"]
    assert len(seen) == MANY
    assert set(seen) == {f"o{n}" for n in range(1, MANY + 1)}
    # Each page reads its own rows and no others; pages by offset would read fifty times as many. Counting may read all once.
    assert await rows_read(database, MANY) <= 2.2 * MANY
