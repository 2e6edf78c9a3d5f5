"""Futures WebSocket streams: what the market and an account are told."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import aiohttp
import pytest
from sandbox_exchange.handlers import futures_user_streams

MARKET = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.1"}


async def receive(socket: aiohttp.ClientWebSocketResponse, *wanted: str) -> Any:
    """The next frame whose event type is one of `wanted`."""
    async with asyncio.timeout(60):
        while True:
            frame = await socket.receive_json()
            data = frame.get("data", frame)
            if data.get("e") in wanted or any(name in data for name in wanted):
                return frame


async def listen(client: Any) -> str:
    """A listen key; the engine asks for it with the API key alone."""
    headers = {"X-MBX-APIKEY": client.key}
    async with client.session.post(f"{client.base}/fapi/v1/listenKey", headers=headers) as answer:
        assert answer.status == 200
        return str((await answer.json())["listenKey"])


@pytest.mark.parametrize("path", ["/public/stream", "/market/stream"])
async def test_market_streams_are_wrapped(client: Any, path: str) -> None:
    names = ["trade", "aggTrade", "bookTicker", "markPrice", "markPrice@1s", "kline_1m", "depth@100ms"]
    streams = [f"btcusdt@{name}" for name in names]
    async with client.session.ws_connect(f"{client.base}{path}") as socket:
        await socket.send_json({"method": "SUBSCRIBE", "params": streams, "id": 1})
        assert await receive(socket, "result") == {"result": None, "id": 1}
        mark = await receive(socket, "markPriceUpdate")
        assert mark["stream"] in ("btcusdt@markPrice", "btcusdt@markPrice@1s")
        assert {"s", "p", "i", "r", "T"} <= mark["data"].keys()
        trade = await receive(socket, "aggTrade")
        assert {"s", "a", "E", "p", "q", "m"} <= trade["data"].keys()
        assert (await receive(socket, "kline"))["data"]["k"]["i"] == "1m"
        await socket.send_json({"method": "LIST_SUBSCRIPTIONS", "id": 2})
        assert (await receive(socket, "result"))["result"] == sorted(streams)
        await socket.send_json({"method": "SUBSCRIBE", "params": ["bnbusdt@trade"], "id": 3})
        assert "code" in (await receive(socket, "error"))["error"]


async def test_depth_updates_chain_and_join_up_with_a_snapshot(client: Any) -> None:
    async with client.session.ws_connect(f"{client.base}/public/stream?streams=btcusdt@depth") as socket:
        first = (await receive(socket, "depthUpdate"))["data"]
        _, book = await client.futures().get("v1/depth", symbol="BTCUSDT", limit=1000)
        assert book["lastUpdateId"] >= first["u"]
        last = first["u"]
        for _ in range(3):
            update = (await receive(socket, "depthUpdate"))["data"]
            assert (update["pu"], update["U"]) == (last, last + 1)
            last = update["u"]


async def test_an_account_is_told_each_step(client: Any) -> None:
    futures, key = client.futures(), await listen(client)
    assert await listen(client) == key
    async with client.session.ws_connect(f"{client.base}/private/ws?listenKey={key}") as socket:
        await futures.order(**MARKET, newClientOrderId="mine")
        events = [await receive(socket, "ORDER_TRADE_UPDATE")]
        assert (events[0]["o"]["x"], events[0]["o"]["X"], events[0]["o"]["t"]) == ("NEW", "NEW", 0)
        while events[-1].get("o", {}).get("X") != "FILLED":
            events.append(await receive(socket, "ORDER_TRADE_UPDATE", "ACCOUNT_UPDATE"))
        assert [event["e"] for event in events[1:]] == ["ACCOUNT_UPDATE", "ORDER_TRADE_UPDATE"] * (len(events) // 2)
        books = (await client.ledger())["futures"]
        fills = [event["o"] for event in events[2::2]]
        assert [(f["t"], f["L"], f["l"], f["n"]) for f in fills] == [
            (t["id"], t["price"], t["qty"], t["commission"]) for t in books["trades"]
        ]
        update = events[-2]["a"]
        assert (update["m"], Decimal(update["B"][0]["wb"])) == ("ORDER", Decimal(books["wallet"]))
        assert (update["P"][0]["pa"], update["P"][0]["ps"]) == ("0.10000000", "BOTH")
        await futures.signed("POST", "v1/leverage", symbol="BTCUSDT", leverage=3)
        assert (await receive(socket, "ACCOUNT_CONFIG_UPDATE"))["ac"] == {"s": "BTCUSDT", "l": 3}
        await client.admin("POST", "/admin/futures/funding", {"symbol": "BTCUSDT"})
        assert (await receive(socket, "ACCOUNT_UPDATE"))["a"]["m"] == "FUNDING_FEE"
        await client.admin("POST", "/admin/futures/deposits", {"api_key": client.key, "amount": "5"})
        deposit = (await receive(socket, "ACCOUNT_UPDATE"))["a"]
        assert (deposit["m"], deposit["B"][0]["bc"]) == ("DEPOSIT", "5.00000000")


async def test_a_liquidation_is_told(client: Any) -> None:
    futures, key = client.futures(), await listen(client)
    await futures.signed("POST", "v1/leverage", symbol="BTCUSDT", leverage=125)
    _, shown = await futures.get("v1/premiumIndex", symbol="BTCUSDT")
    size = int(Decimal(90_000) * 20 / Decimal(shown["markPrice"]))
    await futures.order(**{**MARKET, "quantity": str(size)})
    async with client.session.ws_connect(f"{client.base}/private/ws?listenKey={key}") as socket:
        crash = round(Decimal(shown["indexPrice"]) * Decimal("0.8"), 2)
        await client.admin("POST", "/admin/prices", {"symbol": "BTCUSDT", "price": str(crash)})
        new, done = await receive(socket, "ORDER_TRADE_UPDATE"), await receive(socket, "ORDER_TRADE_UPDATE")
        assert (new["o"]["o"], new["o"]["x"]) == ("LIQUIDATION", "NEW")
        assert (done["o"]["x"], done["o"]["X"]) == ("CALCULATED", "FILLED")
        assert (await receive(socket, "ACCOUNT_UPDATE"))["a"]["m"] == "INSURANCE_CLEAR"


async def test_listen_keys_are_renewed_ended_and_expire(serve: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    async with serve() as client:
        await client.open_account()
        url, headers = f"{client.base}/fapi/v1/listenKey", {"X-MBX-APIKEY": client.key}
        async with client.session.put(url, headers=headers) as answer:
            assert (answer.status, (await answer.json())["code"]) == (400, -1125)
        key = await listen(client)
        assert await client.futures().signed("PUT", "v1/listenKey", listenKey=key) == (200, {"listenKey": key})
        async with client.session.delete(url, headers=headers) as answer:
            assert (answer.status, await answer.json()) == (200, {})
        async with client.session.get(f"{client.base}/private/ws?listenKey={key}") as answer:
            assert (answer.status, (await answer.json())["code"]) == (400, -1125)
        for wrong, status in (({}, 401), ({"X-MBX-APIKEY": "nobody"}, 401)):
            async with client.session.post(url, headers=wrong) as answer:
                assert answer.status == status
    monkeypatch.setattr(futures_user_streams, "LIFETIME_SECONDS", 0.5)
    async with serve() as client:
        await client.open_account()
        key = await listen(client)
        async with client.session.ws_connect(f"{client.base}/private/ws?listenKey={key}") as socket:
            assert (await receive(socket, "listenKeyExpired"))["listenKey"] == key
            assert await listen(client) != key
