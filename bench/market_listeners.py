"""Subscribers and readers of one order book, in a process of their own: `python -m bench.market_listeners PORT SUBSCRIBERS`.

Who measures orders beside them would otherwise measure its own process's waiting. Lines on standard input say what to do, one
line of JSON on standard output tells that it is done: `count` counts frames from now on, `tell` gives what was heard since, and
`read SECONDS` asks for the book READS_A_SECOND times a second, beside the subscribers. The end of the input ends it.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import uvloop

from bench.load import paced, post
from bench.report import Figures
from tests.stack import PASSWORD, USERNAME

CONNECTIONS = 16
READS_A_SECOND = 500
MARKET = {"connector_name": "binance", "trading_pair": "BTC-USDT"}

AT_ONCE = 50
"""Sockets opened at the same time."""


@dataclass
class Heard:
    """What subscribers got: seconds from when market-data looked until a frame was there, and what they were too slow for."""

    lags: list[float] = field(default_factory=list)
    dropped: int = 0
    counting: bool = False

    def frame(self, text: str) -> None:
        """One frame of a subscription."""
        now = time.time()
        if not self.counting or '"order_book"' not in text:
            return
        frame = json.loads(text)
        self.lags.append(now - frame["timestamp"])
        self.dropped += frame.get("dropped", 0)

    def figures(self) -> Figures:
        """How many, how late, and how many states were left out."""
        lags = sorted(self.lags)
        return {
            "frames": len(lags),
            "lag_p50_ms": round(1000 * lags[len(lags) // 2], 1),
            "lag_p99_ms": round(1000 * lags[len(lags) * 99 // 100], 1),
            "dropped": self.dropped,
        }


async def _listening(port: int, count: int) -> None:
    heard, book = Heard(), post("/market-data/order-book", MARKET)
    connector = aiohttp.TCPConnector(limit=0)
    login = {"Authorization": aiohttp.encode_basic_auth(USERNAME, PASSWORD)}
    async with aiohttp.ClientSession(headers=login, connector=connector) as session:
        places = asyncio.Semaphore(AT_ONCE)
        opened = await asyncio.gather(*(_subscribe(port, session, places) for _ in range(count)))
        tasks: list[asyncio.Task[Any]] = [asyncio.create_task(_listen(socket, heard)) for socket in opened]
        print("{}", flush=True)
        async for line in _lines():
            match line.split():
                case ["count"]:
                    heard.lags, heard.dropped, heard.counting = [], 0, True
                    print("{}", flush=True)
                case ["read", seconds]:
                    reads = paced(port, lambda _: book, connections=CONNECTIONS, rate=READS_A_SECOND, seconds=float(seconds))
                    tasks.append(asyncio.create_task(reads))
                    print("{}", flush=True)
                case _:
                    print(json.dumps(heard.figures()), flush=True)
        for task in tasks:
            task.cancel()


async def _lines() -> AsyncIterator[str]:
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        yield line.decode()


async def _subscribe(port: int, session: aiohttp.ClientSession, places: asyncio.Semaphore) -> aiohttp.ClientWebSocketResponse:
    async with places:
        socket = await session.ws_connect(f"http://127.0.0.1:{port}/ws/market-data", compress=0)
        await socket.receive()
        wanted = {"connector": "binance", "trading_pair": "BTC-USDT", "depth": 10, "update_interval": 0.25}
        await socket.send_json({"action": "subscribe", "type": "order_book", **wanted})
        while json.loads((await socket.receive()).data)["type"] != "order_book":
            pass
        return socket


async def _listen(socket: aiohttp.ClientWebSocketResponse, heard: Heard) -> None:
    async for message in socket:
        heard.frame(message.data)


def main() -> None:
    """Listen until the input ends."""
    uvloop.run(_listening(int(sys.argv[1]), int(sys.argv[2])))


if __name__ == "__main__":
    main()
