"""Trades with the real, unmodified Hummingbot connector `binance_perpetual`; prints what it saw as JSON.

Arguments: host and port of the exchange, API key, API secret, a directory for the engine's files, the operator's token.
"""

from __future__ import annotations

import asyncio
import json
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import hummingbot
from connector_run import redirect, tracked_order, until
from hummingbot.connector.derivative.binance_perpetual.binance_perpetual_derivative import BinancePerpetualDerivative
from hummingbot.core.clock import Clock
from hummingbot.core.clock_mode import ClockMode
from hummingbot.core.data_type.common import OrderType, PositionAction, PositionMode
from hummingbot.core.event.event_forwarder import EventForwarder
from hummingbot.core.event.events import MarketEvent
from hummingbot.data_feed.candles_feed.binance_perpetual_candles import BinancePerpetualCandles

PAIR = "BTC-USDT"


class Operator:
    """Calls of the exchange's admin API."""

    def __init__(self, target: str, token: str) -> None:
        self._base = f"http://{target}/admin/futures"
        self._headers = {"X-Admin-Token": token}

    async def settle_funding(self, rate: str) -> None:
        wanted, headers = {"symbol": PAIR, "rate": rate}, self._headers
        async with aiohttp.request("POST", f"{self._base}/funding", json=wanted, headers=headers) as answer:
            assert answer.status == 200


async def trade(api_key: str, api_secret: str, operator: Operator) -> dict[str, Any]:
    """Start the connector and the feed, trade in both position modes, be funded, and stop them."""
    connector = BinancePerpetualDerivative(
        binance_perpetual_api_key=api_key, binance_perpetual_api_secret=api_secret, trading_pairs=[PAIR]
    )
    paid: list[Any] = []
    # The engine keeps listeners weakly.
    forwarder = EventForwarder(paid.append)
    connector.add_listener(MarketEvent.FundingPaymentCompleted, forwarder)
    candles = BinancePerpetualCandles(PAIR, "1m", max_records=120)
    clock = Clock(ClockMode.REALTIME, tick_size=1.0)
    clock.add_iterator(connector)
    with clock:
        running = asyncio.ensure_future(clock.run())
        await until(lambda: connector.ready, 60)
        candles.start()
        seen = {**what_it_reads(connector), **await rest_and_cancel(connector), **await one_way(connector)}
        seen |= await be_funded(connector, operator, paid)
        seen |= await hedge(connector)
        await until(lambda: candles.ready, 60)
        seen["candles"] = [[float(value) for value in row] for row in candles._candles]
        await connector._update_balances()
        seen["after"] = [str(connector.get_balance("USDT")), str(connector.get_available_balance("USDT"))]
        candles.stop()
        running.cancel()
        await asyncio.wait([running])
    await connector.stop_network()
    return seen


def what_it_reads(connector: Any) -> dict[str, Any]:
    rule, funding = connector.trading_rules[PAIR], connector.get_funding_info(PAIR)
    return {
        "before": str(connector.get_balance("USDT")),
        "rule": [str(rule.min_price_increment), str(rule.min_base_amount_increment), str(rule.min_notional_size)],
        "book": [len(list(connector.get_order_book(PAIR).bid_entries())), float(connector.get_mid_price(PAIR))],
        "funding": [str(funding.mark_price), str(funding.index_price), str(funding.rate)],
        "status": connector.status_dict,
    }


async def rest_and_cancel(connector: Any) -> dict[str, Any]:
    away = connector.quantize_order_price(PAIR, connector.get_mid_price(PAIR) * Decimal("0.8"))
    for kind in (OrderType.LIMIT, OrderType.LIMIT_MAKER):
        number = connector.buy(PAIR, Decimal("0.01"), kind, away, position_action=PositionAction.OPEN)
        placed = await tracked_order(connector, number)
        await until(lambda placed=placed: placed.is_open and placed.exchange_order_id)
    return {"cancelled": [result.success for result in await connector.cancel_all(10)]}


async def filled(connector: Any, side: str, amount: str, action: PositionAction) -> list[Any]:
    """Take the market; the fills as the user stream told them."""
    place = connector.buy if side == "BUY" else connector.sell
    price = connector.get_mid_price(PAIR)
    order = await tracked_order(connector, place(PAIR, Decimal(amount), OrderType.MARKET, price, position_action=action))
    await until(lambda: order.is_done and order.completely_filled_event.is_set())
    return [
        [f.trade_id, str(f.fill_price), str(f.fill_base_amount), str(f.fee.flat_fees[0].amount), f.fee.flat_fees[0].token]
        for f in order.order_fills.values()
    ]


def positions(connector: Any) -> list[list[str]]:
    """What the connector holds: side, amount, entry price, leverage."""
    held = connector.account_positions.values()
    return sorted([p.position_side.name, str(p.amount), str(p.entry_price), str(p.leverage)] for p in held)


async def one_way(connector: Any) -> dict[str, Any]:
    connector.set_leverage(PAIR, 8)
    await until(lambda: connector.get_leverage(PAIR) == 8)
    mode = await connector._get_position_mode()
    fills = await filled(connector, "BUY", "0.2", PositionAction.OPEN)
    await connector._update_positions()
    opened = positions(connector)
    fills += await filled(connector, "SELL", "0.05", PositionAction.CLOSE)
    await connector._update_positions()
    price = connector.get_mid_price(PAIR)
    wrong = connector.buy(PAIR, Decimal("0.01"), OrderType.MARKET, price, position_action=PositionAction.CLOSE)
    failing = await tracked_order(connector, wrong)
    await until(lambda: failing.is_done)
    return {"mode": mode.name, "opened": opened, "reduced": positions(connector), "fills": fills, "refused": failing.is_failure}


async def be_funded(connector: Any, operator: Operator, paid: list[Any]) -> dict[str, Any]:
    await operator.settle_funding("0.0005")
    await connector._update_funding_payment(PAIR, fire_event_on_new=True)
    await until(lambda: paid)
    event = paid[0]
    return {"paid": [event.trading_pair, str(event.amount), int(event.timestamp)]}


async def hedge(connector: Any) -> dict[str, Any]:
    refused = await connector._trading_pair_position_mode_set(PositionMode.HEDGE, PAIR)
    fills = await filled(connector, "SELL", "0.15", PositionAction.CLOSE)
    changed = await connector._trading_pair_position_mode_set(PositionMode.HEDGE, PAIR)
    connector.set_position_mode(PositionMode.HEDGE)
    await until(lambda: connector.position_mode is PositionMode.HEDGE)
    fills += await filled(connector, "BUY", "0.02", PositionAction.OPEN)
    fills += await filled(connector, "SELL", "0.03", PositionAction.OPEN)
    await connector._update_positions()
    return {"refused_mode": refused[0], "changed_mode": changed[0], "hedged": positions(connector), "hedge_fills": fills}


if __name__ == "__main__":
    (Path(sys.argv[4]) / "conf").mkdir()
    hummingbot.set_prefix_path(sys.argv[4])
    redirect(sys.argv[1])
    result = asyncio.run(trade(sys.argv[2], sys.argv[3], Operator(sys.argv[1], sys.argv[5])))
    sys.stdout.write("\nRESULT " + json.dumps(result) + "\n")
