"""WebSocket streams: what the market and an account are told, and in what order."""

from __future__ import annotations

import asyncio
import time
from decimal import Decimal
from typing import Any

import aiohttp
import pytest
from sandbox_exchange.handlers.streams import Connection, Hub

ORDER = {"symbol": "BTCUSDT", "side": "BUY"}


async def receive(socket: aiohttp.ClientWebSocketResponse, wanted: str, seconds: float = 4) -> Any:
    """The next frame whose event type is `wanted`."""
    async with asyncio.timeout(seconds):
        while True:
            frame = await socket.receive_json()
            data = frame.get("data", frame)
            if data.get("e") == wanted or wanted in data:
                return frame


async def subscribe_user(client: Any, socket: aiohttp.ClientWebSocketResponse) -> Any:
    params = {"apiKey": client.key, "timestamp": int(time.time() * 1000)}
    signed = "&".join(f"{name}={value}" for name, value in sorted(params.items()))
    frame = {
        "id": "one",
        "method": "userDataStream.subscribe.signature",
        "params": {**params, "signature": client.sign(signed)},
    }
    await socket.send_json(frame)
    return await socket.receive_json(timeout=30)


async def test_market_streams(client: Any) -> None:
    async with client.session.ws_connect(f"{client.base}/ws") as socket:
        streams = ["btcusdt@trade", "btcusdt@depth@100ms", "btcusdt@kline_1m", "btcusdt@bookTicker", "btcusdt@depth"]
        await socket.send_json({"method": "SUBSCRIBE", "params": streams, "id": 1})
        assert await receive(socket, "result") == {"result": None, "id": 1}
        trade = await receive(socket, "trade")
        assert trade.keys() == {"e", "E", "s", "t", "p", "q", "T", "m", "M"}
        kline = await receive(socket, "kline")
        assert (kline["k"]["i"], kline["k"]["s"]) == ("1m", "BTCUSDT")
        await socket.send_json({"method": "LIST_SUBSCRIPTIONS", "id": 2})
        assert (await receive(socket, "result"))["result"] == sorted(streams)
        await socket.send_json({"method": "UNSUBSCRIBE", "params": streams, "id": 3})
        assert (await receive(socket, "result"))["id"] == 3
        for wrong in ({"method": "SUBSCRIBE", "params": ["foousdt@trade"]}, {"method": "DANCE"}, [1]):
            await socket.send_json(wrong)
            assert "code" in (await receive(socket, "error"))["error"]


async def test_depth_updates_join_up_with_a_snapshot(client: Any) -> None:
    async with client.session.ws_connect(f"{client.base}/stream?streams=btcusdt@depth@100ms") as socket:
        first = (await receive(socket, "depthUpdate"))["data"]
        _, book = await client.get("depth", symbol="BTCUSDT", limit=5000)
        sides = {name: {Decimal(p): Decimal(q) for p, q in book[name]} for name in ("bids", "asks")}
        last = first["u"]
        for _ in range(3):
            frame = await receive(socket, "depthUpdate")
            assert frame["stream"] == "btcusdt@depth@100ms"
            update = frame["data"]
            assert update["U"] == last + 1
            last = update["u"]
            if last < book["lastUpdateId"]:
                continue
            for name, changes in (("bids", update["b"]), ("asks", update["a"])):
                sides[name] |= {Decimal(price): Decimal(quantity) for price, quantity in changes}
        _, book = await client.get("depth", symbol="BTCUSDT", limit=5000)
        if book["lastUpdateId"] == last:
            for name, levels in sides.items():
                assert {p: q for p, q in levels.items() if q} == {Decimal(p): Decimal(q) for p, q in book[name]}


async def test_an_account_is_told_each_step_and_its_balances(client: Any) -> None:
    async with client.session.ws_connect(f"{client.base}/ws-api/v3") as socket:
        answer = await subscribe_user(client, socket)
        assert (answer["id"], answer["status"], answer["result"]) == ("one", 200, {"subscriptionId": 0})
        _, placed = await client.order(**ORDER, type="MARKET", quantity="0.1", newClientOrderId="mine")
        frames = [await socket.receive_json(timeout=30) for _ in range(2 + len(placed["fills"]))]
        assert {frame["subscriptionId"] for frame in frames} == {0}
        events = [frame["event"] for frame in frames]
        assert [event.get("x", event["e"]) for event in events] == [
            "NEW", *["TRADE"] * len(placed["fills"]), "outboundAccountPosition",
        ]  # fmt: skip
        assert {event["c"] for event in events[:-1]} == {"mine"}
        assert [event["X"] for event in events[1:-1]][-1] == "FILLED"
        assert [event["t"] for event in events[1:-1]] == [fill["tradeId"] for fill in placed["fills"]]
        assert events[-2]["z"] == "0.10000000"
        books = await client.ledger()
        told = {each["a"]: Decimal(each["f"]) for each in events[-1]["B"]}
        assert told == {asset: Decimal(books["balances"][asset]["free"]) for asset in ("BTC", "USDT")}


async def test_a_cancel_names_the_order_in_its_own_field(client: Any) -> None:
    await client.order(**ORDER, type="LIMIT", timeInForce="GTC", quantity="0.1", price="50000", newClientOrderId="mine")
    async with client.session.ws_connect(f"{client.base}/ws-api/v3") as socket:
        await subscribe_user(client, socket)
        await client.signed("DELETE", "order", symbol="BTCUSDT", origClientOrderId="mine")
        event = (await socket.receive_json(timeout=30))["event"]
        assert (event["x"], event["X"], event["C"]) == ("CANCELED", "CANCELED", "mine")
        assert event["c"] != "mine"
        await client.admin("POST", "/admin/deposits", {"api_key": client.key, "asset": "BTC", "amount": "1"})
        kinds = [(await socket.receive_json(timeout=30))["event"]["e"] for _ in range(3)]
        assert kinds == ["outboundAccountPosition", "balanceUpdate", "outboundAccountPosition"]


async def test_the_socket_api_refuses_what_it_cannot_do(client: Any) -> None:
    async with client.session.ws_connect(f"{client.base}/ws-api/v3") as socket:
        good, client.secret = client.secret, "0" * 64
        assert (await subscribe_user(client, socket))["error"]["code"] == -1022
        client.secret = good
        for method, status in (("ping", 200), ("time", 200), ("order.place", 400), ("userDataStream.unsubscribe", 200)):
            await socket.send_json({"id": 1, "method": method})
            assert (await socket.receive_json(timeout=30))["status"] == status
        await socket.send_str("nonsense")
        assert (await socket.receive_json(timeout=30))["status"] == 400


async def test_a_reader_that_falls_behind_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    cut: list[Connection] = []

    def note(connection: Connection) -> None:
        cut.append(connection)

    monkeypatch.setattr(Connection, "cut", note)
    connection, hub = Connection(limit=3), Hub()
    hub.listen(connection, "channel", lambda _, payload: payload)
    for number in range(5):
        hub.publish("channel", {"n": number})
    assert cut == [connection]
    hub.forget(connection)
    assert not hub.wants("channel")
