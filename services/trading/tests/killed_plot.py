"""One executor of each type on a scripted market: what they are, where the market goes, and what they have done by then."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from executor_rig import PERPETUAL, SPOT
from killed_rig import Counts

SHORT = 2
"""Seconds between two orders of a TWAP nobody waits for."""

type Config = dict[str, Any]

DIPPED = {"BTC": "91000", "ETH": "2930", "SOL": "176", "LTC": "101", "LINK": "19.4", "AVAX": "39.3"}
TURNED = {"BNB": "630", "LTC": "100", "AVAX": "40.6"}
ENDED = {"BTC": "93000", "ETH": "3100", "BNB": "615", "LINK": "21", "AVAX": "35"}

CREATED = {
    "taken": Counts(0, 1),
    "limit position": Counts(1, 0),
    "trailed": Counts(0, 1),
    "lost": Counts(0, 1),
    "grid": Counts(7, 0),
    "short grid": Counts(3, 0),
    "dca": Counts(2, 0),
    "short dca": Counts(2, 0),
    "short twap": Counts(0, 3),
    "maker twap": Counts(3, 0),
    "market order": Counts(0, 1),
    "limit order": Counts(1, 0),
    "chaser": Counts(1, 0),
    "arbitrage": Counts(0, 2),
    "xemm": Counts(1, 0),
    "short xemm": Counts(1, 0),
}
AFTER_DIP = {
    "limit position": Counts(1, 1),
    "grid": Counts(7, 6),
    "short grid": Counts(3, 2),
    "dca": Counts(0, 2),
    "short dca": Counts(0, 2),
    "maker twap": Counts(0, 3),
    "limit order": Counts(0, 1),
    "xemm": Counts(0, 2),
}
AFTER_TURN = {"grid": Counts(5, 8), "chaser": Counts(0, 1)}
CLOSED_AT_ONCE = ("market order", "arbitrage", "short twap")
CLOSED_BY_DIP = ("maker twap", "limit order", "xemm")
HEDGERS = ("limit position", "grid", "short grid", "xemm")
"""Those that ask for an order as soon as the market has dipped."""
CLOSERS = ("taken", "trailed", "lost", "dca", "short dca", "short xemm")
"""Those that ask for an order as soon as the market has ended where it does."""


def on(token: str, connector: str, **config: Any) -> Config:
    side = "BUY" if connector == SPOT else "SELL"
    return {"connector_name": connector, "trading_pair": f"{token}-USDT", "side": side} | config


def position(
    token: str, amount: str, connector: str = SPOT, *, entry: Mapping[str, str] | None = None, **barriers: Any
) -> Config:
    barriers = {"open_order_type": "MARKET", **barriers}
    return on(token, connector, type="position_executor", amount=amount, triple_barrier_config=barriers, **(entry or {}))


def grid(token: str, low: str, high: str, limit: str, connector: str = SPOT) -> Config:
    prices = {"start_price": low, "end_price": high, "limit_price": limit, "min_spread_between_orders": "0.01"}
    # Levels that fill in the dip earn beyond where the market began: nearer ones close at the price of whichever book was
    # heard last.
    barriers = {"take_profit": "0.013", "take_profit_order_type": "LIMIT"}
    # A level that earned is not opened again: its amount would depend on whether a fill or the book is heard first.
    amounts = {"total_amount_quote": "1000", "max_open_orders": 10, "order_frequency": 3600, "triple_barrier_config": barriers}
    return on(token, connector, type="grid_executor", **prices, **amounts)


def dca(token: str, *prices: str, connector: str = SPOT, **barriers: str) -> Config:
    return on(token, connector, type="dca_executor", amounts_quote=["200", "300"], prices=[*prices], **barriers)


def twap(token: str, connector: str, interval: int, **more: Any) -> Config:
    plan = {"total_amount_quote": "300", "total_duration": 2 * interval, "order_interval": interval, "mode": "TAKER"}
    return on(token, connector, type="twap_executor", **{**plan, **more})


def order(token: str, amount: str, strategy: str, connector: str = SPOT, **more: Any) -> Config:
    return on(token, connector, type="order_executor", amount=amount, execution_strategy=strategy, **more)


def between(token: str, buying: str, selling: str, **config: Any) -> Config:
    pair = f"{token}-USDT"
    markets = {"buying_market": buying, "selling_market": selling}
    return {name: {"connector_name": each, "trading_pair": pair} for name, each in markets.items()} | config


def xemm(token: str, amount: str, side: str) -> Config:
    profits = {"min_profitability": "0.001", "target_profitability": "0.01", "max_profitability": "0.05"}
    return between(token, SPOT, PERPETUAL, type="xemm_executor", maker_side=side, order_amount=amount, **profits)


def first(interval: int) -> dict[str, Config]:
    """Those that exist from the beginning, by name; `interval` is that of the plans of the taking TWAPs."""
    limits = {"open_order_type": "LIMIT", "take_profit": "0.02", "take_profit_order_type": "LIMIT"}
    patient = {"mode": "MAKER", "limit_order_buffer": "0.001", "order_resubmission_time": 3600, "side": "BUY"}
    near = {"distance": "0.001", "refresh_threshold": "0.005"}
    return {
        "taken": position("BTC", "0.01", take_profit="0.02"),
        "limit position": position("LINK", "20", entry={"entry_price": "19.5"}, **limits),
        "trailed": position("BNB", "0.5", trailing_stop={"activation_price": "0.01", "trailing_delta": "0.005"}),
        "lost": position("ETH", "0.2", PERPETUAL, stop_loss="0.03"),
        "grid": grid("AVAX", "39", "42", "36"),
        "short grid": grid("BTC", "89000", "92500", "92800", PERPETUAL),
        "dca": dca("ETH", "2970", "2940", take_profit="0.02"),
        "short dca": dca("BTC", "90500", "90800", connector=PERPETUAL, stop_loss="0.02"),
        "twap": twap("XRP", SPOT, interval),
        "short twap": twap("SOL", PERPETUAL, SHORT),
        "maker twap": twap("SOL", PERPETUAL, 1, **patient),
        "market order": order("XRP", "100", "MARKET", side="SELL"),
        "limit order": order("SOL", "2", "LIMIT", PERPETUAL, side="BUY", price="178"),
        "chaser": order("LTC", "2", "LIMIT_CHASER", chaser_config=near),
        "arbitrage": between("SOL", PERPETUAL, SPOT, type="arbitrage_executor", order_amount="1", min_profitability="-0.05"),
        "xemm": xemm("SOL", "1", "BUY"),
        "short xemm": xemm("ETH", "0.1", "SELL"),
    }


def timed(limit: int) -> Config:
    """A position that ends by its time limit, at a price that does not move."""
    return position("XRP", "100", time_limit=limit)
