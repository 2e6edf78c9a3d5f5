"""The first real trade: from an empty home to fills in the portfolio, with the official client, whatever is killed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import aiohttp
import pytest
from hummingbot_api_client import HummingbotAPIClient, SyncHummingbotAPIClient

from tests.ledger import Books, agree, books, exchange_books
from tests.stack import PASSWORD, USERNAME, Stack, eventually

ACCOUNT, CONNECTOR, PAIR = "master_account", "binance", "BTC-USDT"
ORDERS = 200
KILLS = {
    25: "trading",
    50: "nats",
    75: "postgres",
    100: "sandbox-exchange",
    125: "accounts",
    150: "gateway-api",
}

ORDER_KINDS: tuple[dict[str, Any], ...] = (
    {"trade_type": "SELL", "amount": 0.001, "order_type": "MARKET"},
    {"trade_type": "BUY", "amount": 0.001, "order_type": "MARKET"},
    {"trade_type": "BUY", "amount": 0.01, "order_type": "LIMIT", "price": 1000},
    {"trade_type": "SELL", "amount": 0.01, "order_type": "LIMIT_MAKER", "price": 900000},
)

pytestmark = pytest.mark.timeout(900)


@pytest.fixture
async def client(stack: Stack) -> AsyncIterator[Any]:
    """The official asynchronous client."""
    async with HummingbotAPIClient(stack.url, USERNAME, PASSWORD) as connected:
        yield connected


@pytest.fixture(scope="module")
def keys(stack: Stack) -> dict[str, Any]:
    """The keys of a funded account of the sandbox exchange."""
    return stack.sandbox_account(USDT="1000000", BTC="5")


async def until[T](check: Any, what: str, timeout: float = 120) -> Any:
    """The first true answer of the coroutine function `check`; fails naming `what`."""
    async with asyncio.timeout(timeout):
        while True:
            try:
                answer = await check()
            except (aiohttp.ClientError, OSError):
                answer = None
            if answer:
                return answer
            await asyncio.sleep(0.3)
    raise AssertionError(what)


async def test_a_wrong_key_is_refused_and_nothing_is_stored(client: Any) -> None:
    fields = await client.connectors.get_config_map(CONNECTOR)
    assert set(fields) == {"binance_api_key", "binance_api_secret"}
    with pytest.raises(aiohttp.ClientResponseError) as refused:
        await client.accounts.add_credential(ACCOUNT, CONNECTOR, {"binance_api_key": "wrong", "binance_api_secret": "wrong"})
    assert refused.value.status == 400
    assert await client.accounts.list_account_credentials(ACCOUNT) == []


async def test_a_newcomer_adds_a_key_and_sees_balances(client: Any, keys: dict[str, Any]) -> None:
    credential = {"binance_api_key": keys["api_key"], "binance_api_secret": keys["api_secret"]}
    await client.accounts.add_credential(ACCOUNT, CONNECTOR, credential)
    assert await client.accounts.list_account_credentials(ACCOUNT) == [CONNECTOR]

    async def balances() -> Any:
        return (await client.portfolio.get_state(refresh=True)).get(ACCOUNT, {}).get(CONNECTOR)

    tokens = {token["token"]: token for token in await until(balances, "balances arrive")}
    assert tokens["USDT"]["units"] == 1_000_000
    assert tokens["USDT"]["value"] == 1_000_000
    assert tokens["BTC"]["units"] == 5
    assert tokens["BTC"]["value"] == pytest.approx(5 * tokens["BTC"]["price"])
    assert tokens["BTC"]["price"] > 1000


async def place(client: Any, **order: Any) -> Any:
    """Place an order as soon as the session takes orders."""

    async def attempt() -> Any:
        try:
            return await client.trading.place_order(ACCOUNT, CONNECTOR, PAIR, **order)
        except aiohttp.ClientResponseError as refused:
            assert refused.status in {429, 503}, refused  # noqa: PT017 - anything but "not yet" fails the test
            return None

    return await until(attempt, "an order is accepted")


async def order_of(client: Any, order_id: str, status: str) -> Any:
    """The order once it has the status."""

    async def found() -> Any:
        page = await client.trading.search_orders(status=status, limit=1000)
        return next((order for order in page["data"] if order["order_id"] == order_id), None)

    return await until(found, f"{order_id} is {status}", 60)


async def test_a_market_order_fills_and_is_in_the_history(client: Any) -> None:
    placed = await place(client, trade_type="BUY", amount=0.01, order_type="MARKET")
    assert placed["status"] == "submitted"
    assert placed["amount"] == "0.01"
    order = await order_of(client, placed["order_id"], "FILLED")
    assert order["filled_amount"] == 0.01
    trades = (await client.trading.get_trades(account_names=[ACCOUNT]))["data"]
    mine = [trade for trade in trades if trade["order_id"] == placed["order_id"]]
    assert sum(Decimal(str(trade["amount"])) for trade in mine) == Decimal("0.01")
    assert all(trade["fee_currency"] == "BTC" and trade["fee_paid"] > 0 for trade in mine)


async def test_a_resting_order_is_active_until_it_is_cancelled(client: Any) -> None:
    placed = await place(client, trade_type="BUY", amount=0.01, order_type="LIMIT", price=1000)

    async def active() -> Any:
        page = await client.trading.get_active_orders()
        return [order for order in page["data"] if order["order_id"] == placed["order_id"] and order["status"] == "OPEN"]

    assert (await until(active, "the order is open"))[0]["price"] == 1000
    await client.trading.cancel_order(ACCOUNT, CONNECTOR, placed["order_id"])
    cancelled = await order_of(client, placed["order_id"], "CANCELLED")
    assert cancelled["filled_amount"] == 0


async def test_the_synchronous_client_does_the_same(stack: Stack) -> None:
    def story() -> dict[str, Any]:
        with SyncHummingbotAPIClient(stack.url, USERNAME, PASSWORD) as sync_client:
            placed = sync_client.trading.place_order(ACCOUNT, CONNECTOR, PAIR, "SELL", 0.01, order_type="MARKET")

            def filled() -> list[dict[str, Any]]:
                page = sync_client.trading.search_orders(status="FILLED")
                return [order for order in page["data"] if order["order_id"] == placed["order_id"]]

            found = eventually(filled, "the order is filled")[0]
            assert sync_client.portfolio.get_state()[ACCOUNT][CONNECTOR]
            return found

    assert (await asyncio.to_thread(story))["filled_amount"] == 0.01


async def test_every_process_is_killed_in_the_middle_of_200_orders(client: Any, stack: Stack, keys: dict[str, Any]) -> None:
    order_ids = []
    for number in range(ORDERS):
        if number in KILLS:
            await asyncio.to_thread(stack.kill, KILLS[number])
        client.trading.session.headers["Idempotency-Key"] = f"kill-{number}"
        order_ids.append((await place(client, **ORDER_KINDS[number % 4]))["order_id"])
    del client.trading.session.headers["Idempotency-Key"]
    assert len(set(order_ids)) == ORDERS

    async def settled() -> Books | None:
        ours, theirs = await books(client, ACCOUNT, CONNECTOR), await asyncio.to_thread(exchange_books, stack, keys["api_key"])
        return ours if agree(ours, theirs) else None

    try:
        ours = await until(settled, "the books agree", 180)
    except TimeoutError:
        ours, theirs = await books(client, ACCOUNT, CONNECTOR), exchange_books(stack, keys["api_key"])
        assert ours == theirs
    assert set(order_ids) <= set(ours.orders)
    restarted = {name for name, process in stack.processes().items() if process["restarts"] > 0}
    assert set(KILLS.values()) <= restarted


async def test_everything_is_still_there_after_a_restart(client: Any, stack: Stack, keys: dict[str, Any]) -> None:
    before = await books(client, ACCOUNT, CONNECTOR)
    await asyncio.to_thread(stack.down)
    await asyncio.to_thread(stack.up)

    async def same() -> bool:
        return await books(client, ACCOUNT, CONNECTOR) == before

    assert await until(same, "the same books after the restart")
    assert agree(before, await asyncio.to_thread(exchange_books, stack, keys["api_key"]))
