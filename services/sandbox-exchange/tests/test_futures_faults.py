"""Faults reach the futures exchange as they reach spot, and what it accepted survives a kill."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from test_journal import process

MARKET = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.1"}


@pytest.fixture
def futures(client: Any) -> Any:
    return client.futures()


async def fault(futures: Any, **wanted: object) -> None:
    status, _ = await futures.admin("POST", "/admin/faults", wanted)
    assert status == 201


async def test_an_order_that_was_accepted_is_there_though_its_answer_was_lost(futures: Any) -> None:
    await fault(futures, kind="error_before", endpoint="order.place", status=503, count=1)
    assert (await futures.order(**MARKET, newClientOrderId="never"))[0] == 503
    await fault(futures, kind="error_after", endpoint="order.place", status=503, count=1)
    assert (await futures.order(**MARKET, newClientOrderId="mine"))[0] == 503
    assert (await futures.signed("GET", "v1/order", symbol="BTCUSDT", origClientOrderId="never"))[1]["code"] == -2013
    _, found = await futures.signed("GET", "v1/order", symbol="BTCUSDT", origClientOrderId="mine")
    assert found["status"] == "FILLED"


async def test_matches_are_cut_and_markets_halted(futures: Any) -> None:
    await fault(futures, kind="partial_fills", pieces=5, count=1)
    _, placed = await futures.order(**{**MARKET, "quantity": "0.01"})
    _, trades = await futures.signed("GET", "v1/userTrades", symbol="BTCUSDT", orderId=placed["orderId"])
    assert len(trades) == 5
    await fault(futures, kind="halt", symbol="BTCUSDT")
    assert (await futures.order(**MARKET))[1]["code"] == -1013
    _, info = await futures.get("v1/exchangeInfo")
    assert [each["status"] for each in info["symbols"]] == ["BREAK", "TRADING", "TRADING"]


async def test_events_of_a_symbol_are_lost(futures: Any) -> None:
    headers = {"X-MBX-APIKEY": futures.key}
    async with futures.session.post(f"{futures.base}/fapi/v1/listenKey", headers=headers) as answer:
        key = (await answer.json())["listenKey"]
    async with futures.session.ws_connect(f"{futures.base}/private/ws?listenKey={key}") as socket:
        await fault(futures, kind="drop_events", endpoint="user_stream", symbol="BTCUSDT", count=1)
        await futures.order(**MARKET)
        first = await socket.receive_json(timeout=60)
        assert first["e"] == "ACCOUNT_UPDATE"  # the report of the new order came before it


async def test_no_acknowledged_futures_order_is_lost_by_a_kill(tmp_path: Path, connect: Any) -> None:
    async with process(tmp_path) as (base, exchange), connect(base) as client:
        await client.open_account()
        futures = client.futures()
        answers: list[Any] = []

        async def one() -> None:
            status, body = await futures.order(**{**MARKET, "quantity": "0.002"}, newOrderRespType="RESULT")
            if status == 200:
                answers.append(body)

        working = [asyncio.create_task(one()) for _ in range(60)]
        await working[10]
        exchange.kill()
        await asyncio.gather(*working, return_exceptions=True)
    async with process(tmp_path) as (base, _), connect(base) as client:
        client.key, client.secret = futures.key, futures.secret
        books = (await client.ledger())["futures"]
    known = {order["orderId"]: order for order in books["orders"]}
    assert len(answers) > 5
    assert all(known[told["orderId"]]["executedQty"] == told["executedQty"] for told in answers)
