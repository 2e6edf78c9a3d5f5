"""Trades with the real, unmodified Hummingbot connector; prints what it saw as JSON.

Arguments: host and port of the exchange, API key, API secret, a directory for the engine's files.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import hummingbot
from hummingbot.connector.exchange.binance.binance_exchange import BinanceExchange
from hummingbot.core.clock import Clock
from hummingbot.core.clock_mode import ClockMode
from hummingbot.core.data_type.common import OrderType
from hummingbot.core.web_assistant.connections.rest_connection import RESTConnection
from hummingbot.core.web_assistant.connections.ws_connection import WSConnection
from hummingbot.data_feed.candles_feed.binance_spot_candles import BinanceSpotCandles

PAIR = "BTC-USDT"


def redirect(target: str) -> None:
    """Send the engine's transport to the sandbox, and nowhere else."""
    http = dict.fromkeys(("https://api.binance.com", "https://fapi.binance.com"), f"http://{target}")
    hosts = ("wss://stream.binance.com:9443", "wss://ws-api.binance.com:443", "wss://fstream.binance.com")
    sockets = dict.fromkeys(hosts, f"ws://{target}")

    def moved(url: str, routes: dict[str, str]) -> str:
        for prefix, base in routes.items():
            if url.startswith(prefix):
                return base + url.removeprefix(prefix)
        raise AssertionError(f"{url} is not redirected")

    call, connect = RESTConnection.call, WSConnection.connect

    async def moved_call(self: Any, request: Any) -> Any:
        request.url = moved(request.url, http)
        return await call(self, request)

    async def moved_connect(self: Any, ws_url: str, *args: Any, **kwargs: Any) -> Any:
        return await connect(self, moved(ws_url, sockets), *args, **kwargs)

    RESTConnection.call = moved_call
    WSConnection.connect = moved_connect


async def until(condition: Any, seconds: float = 25) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "nothing happened in time"
        await asyncio.sleep(0.05)


async def tracked_order(connector: Any, order_id: str) -> Any:
    """The engine's own record of an order; it makes one only when its loop comes to it."""
    await until(lambda: connector._order_tracker.fetch_order(order_id) is not None)
    return connector._order_tracker.fetch_order(order_id)


async def trade(api_key: str, api_secret: str) -> dict[str, Any]:
    """Start the connector and the feed, trade, and stop them."""
    connector = BinanceExchange(api_key, api_secret, trading_pairs=[PAIR])
    candles = BinanceSpotCandles(PAIR, "1m", max_records=120)
    clock = Clock(ClockMode.REALTIME, tick_size=1.0)
    clock.add_iterator(connector)
    with clock:
        running = asyncio.ensure_future(clock.run())
        await until(lambda: connector.ready)
        candles.start()
        seen = {**what_it_reads(connector), **await rest_and_cancel(connector), **await take(connector)}
        await until(lambda: candles.ready)
        seen["candles"] = [[float(value) for value in row] for row in candles._candles]
        await connector._update_balances()
        seen["after"] = {asset: str(connector.get_balance(asset)) for asset in ("BTC", "USDT")}
        candles.stop()
        running.cancel()
        await asyncio.wait([running])
    await connector.stop_network()
    return seen


def what_it_reads(connector: Any) -> dict[str, Any]:
    rule = connector.trading_rules[PAIR]
    return {
        "before": str(connector.get_balance("USDT")),
        "rule": [str(rule.min_price_increment), str(rule.min_base_amount_increment), str(rule.min_notional_size)],
        "book": [len(list(connector.get_order_book(PAIR).bid_entries())), float(connector.get_mid_price(PAIR))],
    }


async def rest_and_cancel(connector: Any) -> dict[str, Any]:
    away = connector.quantize_order_price(PAIR, connector.get_mid_price(PAIR) * Decimal("0.8"))
    placed = await tracked_order(connector, connector.buy(PAIR, Decimal("0.01"), OrderType.LIMIT, away))
    await until(lambda: placed.is_open and placed.exchange_order_id)
    await until(lambda: connector.get_available_balance("USDT") < connector.get_balance("USDT"))
    return {"cancelled": [result.success for result in await connector.cancel_all(10)]}


async def take(connector: Any) -> dict[str, Any]:
    bought = await tracked_order(connector, connector.buy(PAIR, Decimal("0.2"), OrderType.MARKET, Decimal("NaN")))
    await until(lambda: bought.is_done and bought.completely_filled_event.is_set())
    fills = []
    for fill in bought.order_fills.values():
        fee = fill.fee.flat_fees[0]
        fills.append([fill.trade_id, str(fill.fill_price), str(fill.fill_base_amount), str(fee.amount), fee.token])
    failing = await tracked_order(connector, connector.sell(PAIR, Decimal(500), OrderType.MARKET, Decimal("NaN")))
    await until(lambda: failing.is_done)
    return {"fills": fills, "refused": failing.is_failure}


if __name__ == "__main__":
    (Path(sys.argv[4]) / "conf").mkdir()
    hummingbot.set_prefix_path(sys.argv[4])
    redirect(sys.argv[1])
    sys.stdout.write("\nRESULT " + json.dumps(asyncio.run(trade(sys.argv[2], sys.argv[3]))) + "\n")
