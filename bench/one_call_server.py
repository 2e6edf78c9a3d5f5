"""The reference's way: one call of the exchange for each request, behind the same web server, without a login.

`python -m bench.one_call_server PORT EXCHANGE` answers market data of BTC-USDT from the sandbox exchange at that URL until it
is ended.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import uvloop
from gateway_api.adapters.web_server import Listening, WebServer
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

PAIR, SYMBOL = "BTC-USDT", "BTCUSDT"
NAMES = ("open", "high", "low", "close", "volume")


def application(exchange: str) -> Starlette:
    """The application; its one session keeps connections to the exchange open."""
    sessions: list[aiohttp.ClientSession] = []

    async def asked(path: str, **query: Any) -> Any:
        if not sessions:
            sessions.append(aiohttp.ClientSession(exchange))
        async with sessions[0].get(path, params={"symbol": SYMBOL, **query}) as answer:
            return await answer.json()

    async def prices() -> Any:
        found = await asked("/api/v3/ticker/price")
        return {"connector": "binance", "prices": {PAIR: float(found["price"])}, "timestamp": time.time()}

    async def order_book() -> Any:
        found = await asked("/api/v3/depth", limit=10)
        sides = {
            side: [{"price": float(price), "amount": float(amount)} for price, amount in found[side]]
            for side in ("bids", "asks")
        }
        return {"trading_pair": PAIR, **sides, "timestamp": time.time()}

    async def candles() -> Any:
        found = await asked("/api/v3/klines", interval="1m", limit=500)
        return [{"timestamp": row[0] / 1000, **dict(zip(NAMES, map(float, row[1:6]), strict=True))} for row in found]

    def route(name: str, make: Callable[[], Awaitable[Any]]) -> Route:
        async def endpoint(_request: Request) -> Response:
            return Response(json.dumps(await make()), media_type="application/json")

        return Route(f"/market-data/{name}", endpoint, methods=["POST"])

    return Starlette(routes=[route("prices", prices), route("order-book", order_book), route("candles", candles)])


async def serve(port: int, exchange: str) -> None:
    """Serves until cancelled."""
    await WebServer(application(exchange), Listening("127.0.0.1", port)).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1]), sys.argv[2]))
