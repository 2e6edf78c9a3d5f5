"""A small server that speaks Binance's spot wire: just enough for one account, with faults a test can switch on.

It is not the sandbox exchange: it matches nothing. A test fills, cancels and breaks by hand what the wire then tells.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import time
from dataclasses import dataclass, field
from itertools import count
from typing import Any
from urllib.parse import parse_qsl, urlencode

from aiohttp import WSMsgType, web

PARAMS = web.RequestKey("params", dict)
KEY, SECRET = "wire-key", "wire-secret"


def symbol_row(base: str, quote: str) -> dict[str, Any]:
    return {
        "symbol": base + quote,
        "status": "TRADING",
        "baseAsset": base,
        "quoteAsset": quote,
        "permissionSets": [["SPOT"]],
        "filters": [
            {"filterType": "PRICE_FILTER", "minPrice": "0.01000000", "maxPrice": "1000000.00000000", "tickSize": "0.01000000"},
            {"filterType": "LOT_SIZE", "minQty": "0.00010000", "maxQty": "9000.00000000", "stepSize": "0.00010000"},
            {"filterType": "NOTIONAL", "minNotional": "5.00000000"},
        ],
    }


@dataclass
class BinanceWire:
    """`faults` are taken one per order request: an HTTP answer (status, body), `"drop"` before or `"drop_after"` doing it."""

    faults: list[Any] = field(default_factory=list)
    orders: dict[str, dict[str, Any]] = field(default_factory=dict)
    trades: list[dict[str, Any]] = field(default_factory=list)
    balances: dict[str, tuple[str, str]] = field(default_factory=lambda: {"USDT": ("10000.00000000", "0.00000000")})
    requests: list[str] = field(default_factory=list)
    streams: list[web.WebSocketResponse] = field(default_factory=list)
    symbols: list[dict[str, Any]] = field(default_factory=lambda: [symbol_row("BTC", "USDT"), symbol_row("ETH", "USDT")])
    tickers: dict[str, tuple[str, str]] = field(default_factory=lambda: {"BTCUSDT": ("49999.50", "50000.50")})
    hold: asyncio.Event | None = None
    runner: web.AppRunner | None = None
    url: str = ""
    numbers: Any = field(default_factory=lambda: count(101))

    async def start(self) -> None:
        app = web.Application(middlewares=[self._watch])
        api = "/api/v3"
        app.add_routes(
            [
                web.get(f"{api}/ping", self._empty),
                web.get(f"{api}/time", self._time),
                web.get(f"{api}/exchangeInfo", self._exchange_info),
                web.get(f"{api}/account", self._account),
                web.get(f"{api}/ticker/24hr", self._ticker),
                web.get(f"{api}/ticker/bookTicker", self._books),
                web.post(f"{api}/order", self._place),
                web.get(f"{api}/order", self._query),
                web.delete(f"{api}/order", self._cancel),
                web.get(f"{api}/openOrders", self._open),
                web.get(f"{api}/allOrders", self._all),
                web.get(f"{api}/myTrades", self._trades),
                web.get("/ws-api/v3", self._stream),
            ]
        )
        self.runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self.runner.setup()
        site = web.TCPSite(self.runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self.runner.addresses[0][1]}"

    async def stop(self) -> None:
        await self.drop_streams()
        if self.runner is not None:
            await self.runner.cleanup()

    async def drop_streams(self) -> None:
        streams, self.streams = self.streams, []
        for stream in streams:
            await stream.close()

    # what a test does

    async def fill(self, order_id: str, amount: str, price: str, *, maker: bool = True, pushed: bool = True) -> dict[str, Any]:
        order = self.orders[order_id]
        executed = float(order["executedQty"]) + float(amount)
        order["executedQty"] = f"{executed:.8f}"
        order["status"] = "FILLED" if executed >= float(order["origQty"]) else "PARTIALLY_FILLED"
        order["updateTime"] = now()
        trade = {
            "id": next(self.numbers),
            "symbol": order["symbol"],
            "orderId": order["orderId"],
            "price": price,
            "qty": amount,
            "quoteQty": "0",
            "commission": "0.00000123",
            "commissionAsset": "BNB",
            "time": now(),
            "isBuyer": order["side"] == "BUY",
            "isMaker": maker,
        }
        self.trades.append(trade)
        if pushed:
            await self.report(order, "TRADE", trade)
        return trade

    async def report(self, order: dict[str, Any], execution: str, trade: dict[str, Any] | None = None) -> None:
        cancelled = execution == "CANCELED"
        event = {
            "e": "executionReport",
            "E": now(),
            "s": order["symbol"],
            "c": "cancel-request" if cancelled else order["clientOrderId"],
            "C": order["clientOrderId"] if cancelled else "",
            "S": order["side"],
            "x": execution,
            "X": order["status"],
            "r": "NONE",
            "i": order["orderId"],
            "z": order["executedQty"],
            "T": now(),
            "t": trade["id"] if trade else -1,
            "l": trade["qty"] if trade else "0",
            "L": trade["price"] if trade else "0",
            "n": trade["commission"] if trade else "0",
            "N": trade["commissionAsset"] if trade else None,
            "m": trade["isMaker"] if trade else False,
        }
        await self.push(event)

    async def push(self, event: dict[str, Any]) -> None:
        for stream in self.streams:
            await stream.send_json({"subscriptionId": 0, "event": event})

    async def push_balance(self, asset: str, free: str, locked: str) -> None:
        self.balances[asset] = (free, locked)
        event = {"e": "outboundAccountPosition", "E": now(), "u": now(), "B": [{"a": asset, "f": free, "l": locked}]}
        await self.push(event)

    # the wire

    @web.middleware
    async def _watch(self, request: web.Request, handler: Any) -> web.StreamResponse:
        path = request.path.removeprefix("/api/v3")
        self.requests.append(f"{request.method} {path}")
        # The engine's POST bodies are forms, whatever their content type says.
        params = dict(parse_qsl(await request.text())) if request.method == "POST" else dict(request.query)
        if path in ("/account", "/order", "/openOrders", "/allOrders", "/myTrades"):
            refused = signed(request, params)
            if refused is not None:
                return refused
        request[PARAMS] = params
        if self.hold is not None and path == "/order":
            await self.hold.wait()
        fault = self.faults.pop(0) if self.faults and path == "/order" and request.method != "GET" else None
        if isinstance(fault, tuple):
            return web.Response(status=fault[0], text=fault[1], content_type="application/json")
        if fault == "drop":
            return drop(request)
        answer = await handler(request)
        return drop(request) if fault == "drop_after" else answer

    async def _empty(self, _: web.Request) -> web.Response:
        return web.json_response({})

    async def _time(self, _: web.Request) -> web.Response:
        return web.json_response({"serverTime": now()})

    async def _exchange_info(self, _: web.Request) -> web.Response:
        return web.json_response({"symbols": self.symbols})

    async def _account(self, _: web.Request) -> web.Response:
        rows = [{"asset": asset, "free": free, "locked": locked} for asset, (free, locked) in self.balances.items()]
        return web.json_response({"balances": rows})

    async def _ticker(self, request: web.Request) -> web.Response:
        return web.json_response({"symbol": request.query["symbol"], "lastPrice": "50000.12000000"})

    async def _books(self, _: web.Request) -> web.Response:
        return web.json_response([{"symbol": s, "bidPrice": bid, "askPrice": ask} for s, (bid, ask) in self.tickers.items()])

    async def _place(self, request: web.Request) -> web.Response:
        params = request[PARAMS]
        order = {
            "symbol": params["symbol"],
            "orderId": next(self.numbers),
            "clientOrderId": params["newClientOrderId"],
            "price": params.get("price", "0.00000000"),
            "origQty": params["quantity"],
            "executedQty": "0.00000000",
            "status": "NEW",
            "type": params["type"],
            "side": params["side"],
            "time": now(),
            "updateTime": now(),
        }
        self.orders[params["newClientOrderId"]] = order
        return web.json_response({**order, "transactTime": order["time"]})

    async def _query(self, request: web.Request) -> web.Response:
        order = self.orders.get(request[PARAMS]["origClientOrderId"])
        return web.json_response(order) if order else refusal(-2013, "Order does not exist.")

    async def _cancel(self, request: web.Request) -> web.Response:
        order = self.orders.get(request[PARAMS]["origClientOrderId"])
        if order is None or order["status"] not in ("NEW", "PARTIALLY_FILLED"):
            return refusal(-2011, "Unknown order sent.")
        order.update(status="CANCELED", updateTime=now())
        await self.report(order, "CANCELED")
        return web.json_response(order)

    async def _open(self, _: web.Request) -> web.Response:
        return web.json_response([o for o in self.orders.values() if o["status"] in ("NEW", "PARTIALLY_FILLED")])

    async def _all(self, request: web.Request) -> web.Response:
        return web.json_response(page(list(self.orders.values()), request[PARAMS], "orderId", "orderId"))

    async def _trades(self, request: web.Request) -> web.Response:
        rows = [t for t in self.trades if str(t["orderId"]) == request[PARAMS].get("orderId", str(t["orderId"]))]
        return web.json_response(page(rows, request[PARAMS], "fromId", "id"))

    async def _stream(self, request: web.Request) -> web.WebSocketResponse:
        stream = web.WebSocketResponse()
        await stream.prepare(request)
        subscribe = await stream.receive_json()
        await stream.send_json({"id": subscribe["id"], "status": 200, "result": {"subscriptionId": 0}})
        self.streams.append(stream)
        async for message in stream:
            if message.type is WSMsgType.ERROR:
                break
        return stream


def page(rows: list[dict[str, Any]], params: dict[str, Any], cursor: str, id_field: str) -> list[dict[str, Any]]:
    """One page as Binance lists: by id from the cursor, or by time within at most 24 hours."""
    start, end = int(params.get("startTime", 0)), int(params.get("endTime", 2**62))
    assert not ("startTime" in params and "endTime" in params and end - start > 24 * 3600 * 1000)
    found = [row for row in rows if row[id_field] >= int(params.get(cursor, 0)) and start <= row["time"] <= end]
    return sorted(found, key=lambda row: int(row[id_field]))[: int(params.get("limit", 500))]


def now() -> int:
    return int(time.time() * 1000)


def refusal(code: int, text: str, status: int = 400) -> web.Response:
    return web.json_response({"code": code, "msg": text}, status=status)


def signed(request: web.Request, params: dict[str, Any]) -> web.Response | None:
    if request.headers.get("X-MBX-APIKEY") != KEY:
        return refusal(-2015, "Invalid API-key, IP, or permissions for action.", 401)
    payload = urlencode([(name, value) for name, value in params.items() if name != "signature"])
    wanted = hmac.new(SECRET.encode(), payload.encode(), hashlib.sha256).hexdigest()
    return None if wanted == params.get("signature") else refusal(-1022, "Signature for this request is not valid.")


def drop(request: web.Request) -> web.Response:
    """Cut the connection without an answer."""
    assert request.transport is not None
    request.transport.abort()
    return web.Response()
