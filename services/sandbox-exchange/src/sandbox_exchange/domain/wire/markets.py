"""Public market data as Binance's REST answers and market streams show it."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from sandbox_exchange.domain.market.history import Bar
from sandbox_exchange.domain.market.pairs import Pair
from sandbox_exchange.domain.spot import filters
from sandbox_exchange.domain.spot.book import OrderBook
from sandbox_exchange.domain.spot.events import Traded
from sandbox_exchange.domain.spot.orders import ZERO, OrderType, SelfTrade, Side
from sandbox_exchange.domain.spot.state import Market
from sandbox_exchange.domain.wire.amounts import amount


def exchange_information(pairs: Iterable[tuple[Pair, bool]], at: int) -> dict[str, object]:
    """`GET /api/v3/exchangeInfo` of pairs, each with whether it is halted. The limits are Binance's, and not enforced."""
    return {
        "timezone": "UTC",
        "serverTime": at,
        "rateLimits": [
            {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 6000},
            {"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": 100},
            {"rateLimitType": "ORDERS", "interval": "DAY", "intervalNum": 1, "limit": 200000},
            {"rateLimitType": "RAW_REQUESTS", "interval": "MINUTE", "intervalNum": 5, "limit": 61000},
        ],
        "exchangeFilters": [],
        "symbols": [_symbol(pair, "BREAK" if halted else "TRADING") for pair, halted in pairs],
    }


def depth(book: OrderBook, limit: int) -> dict[str, object]:
    """`GET /api/v3/depth`: the best `limit` levels of each side."""
    return {
        "lastUpdateId": book.version,
        "bids": [[amount(price), amount(quantity)] for price, quantity in book.depth(Side.BUY, limit)],
        "asks": [[amount(price), amount(quantity)] for price, quantity in book.depth(Side.SELL, limit)],
    }


def depth_update(market: Market, changed: Iterable[tuple[Side, Decimal]], first: int, at: int) -> dict[str, object]:
    """A `depthUpdate`: the quantities now at each changed price, zero where a level is gone."""
    sides: dict[Side, list[list[str]]] = {Side.BUY: [], Side.SELL: []}
    for side, price in changed:
        sides[side].append([amount(price), amount(market.book.quantity_at(side, price))])
    return {
        "e": "depthUpdate", "E": at, "s": market.pair.symbol, "U": first, "u": market.book.version,
        "b": sides[Side.BUY], "a": sides[Side.SELL],
    }  # fmt: skip


def book_ticker(market: Market) -> dict[str, object]:
    """Best bid and ask, as `GET /api/v3/ticker/bookTicker`."""
    bid, bid_quantity, ask, ask_quantity = _touch(market.book)
    return {
        "symbol": market.pair.symbol, "bidPrice": bid, "bidQty": bid_quantity, "askPrice": ask, "askQty": ask_quantity,
    }  # fmt: skip


def book_ticker_event(market: Market) -> dict[str, object]:
    """Best bid and ask, as the stream `@bookTicker`."""
    bid, bid_quantity, ask, ask_quantity = _touch(market.book)
    return {"u": market.book.version, "s": market.pair.symbol, "b": bid, "B": bid_quantity, "a": ask, "A": ask_quantity}


def day_ticker(market: Market, bar: Bar) -> dict[str, object]:
    """`GET /api/v3/ticker/24hr` from one bar over the last 24 hours."""
    bid, bid_quantity, ask, ask_quantity = _touch(market.book)
    change, last = market.last_price - bar.open, market.last_price
    return {
        "symbol": market.pair.symbol, "priceChange": amount(change), "priceChangePercent": f"{change / bar.open * 100:.3f}",
        "weightedAvgPrice": f"{bar.quote_volume / bar.volume if bar.volume else last:.8f}", "prevClosePrice": amount(bar.open),
        "lastPrice": amount(last), "lastQty": amount(market.recent[-1].quantity if market.recent else ZERO),
        "bidPrice": bid, "bidQty": bid_quantity, "askPrice": ask, "askQty": ask_quantity, "openPrice": amount(bar.open),
        "highPrice": amount(bar.high), "lowPrice": amount(bar.low), "volume": amount(bar.volume),
        "quoteVolume": amount(bar.quote_volume), "openTime": bar.open_time, "closeTime": bar.close_time,
        "firstId": -1, "lastId": -1, "count": bar.trades,
    }  # fmt: skip


def kline(bar: Bar) -> list[object]:
    """A row of `GET /api/v3/klines`."""
    return [
        bar.open_time, amount(bar.open), amount(bar.high), amount(bar.low), amount(bar.close), amount(bar.volume),
        bar.close_time, amount(bar.quote_volume), bar.trades, amount(bar.taker_buy_volume),
        amount(bar.taker_buy_quote_volume), "0",
    ]  # fmt: skip


def kline_event(symbol: str, interval: str, bar: Bar, at: int, *, closed: bool) -> dict[str, object]:
    """A message of the stream `@kline_<interval>`."""
    return {
        "e": "kline", "E": at, "s": symbol,
        "k": {
            "t": bar.open_time, "T": bar.close_time, "s": symbol, "i": interval, "f": -1, "L": -1, "o": amount(bar.open),
            "c": amount(bar.close), "h": amount(bar.high), "l": amount(bar.low), "v": amount(bar.volume), "n": bar.trades,
            "x": closed, "q": amount(bar.quote_volume), "V": amount(bar.taker_buy_volume),
            "Q": amount(bar.taker_buy_quote_volume), "B": "0",
        },
    }  # fmt: skip


def trade_event(trade: Traded) -> dict[str, object]:
    """A message of the stream `@trade`."""
    return {
        "e": "trade", "E": trade.at, "s": trade.symbol, "t": trade.trade, "p": amount(trade.price),
        "q": amount(trade.quantity), "T": trade.at, "m": trade.taker_side is Side.SELL, "M": True,
    }  # fmt: skip


def public_trade(trade: Traded) -> dict[str, object]:
    """A row of `GET /api/v3/trades`."""
    return {
        "id": trade.trade, "price": amount(trade.price), "qty": amount(trade.quantity),
        "quoteQty": amount(trade.price * trade.quantity), "time": trade.at, "isBuyerMaker": trade.taker_side is Side.SELL,
        "isBestMatch": True,
    }  # fmt: skip


def _touch(book: OrderBook) -> tuple[str, str, str, str]:
    sides = []
    for side in (Side.BUY, Side.SELL):
        price = book.best(side)
        sides += [amount(price or ZERO), amount(book.quantity_at(side, price) if price is not None else ZERO)]
    return sides[0], sides[1], sides[2], sides[3]


def _symbol(pair: Pair, status: str) -> dict[str, object]:
    return {
        "symbol": pair.symbol, "status": status, "baseAsset": pair.base, "baseAssetPrecision": 8,
        "quoteAsset": pair.quote, "quotePrecision": 8, "quoteAssetPrecision": 8, "baseCommissionPrecision": 8,
        "quoteCommissionPrecision": 8, "orderTypes": list(OrderType), "icebergAllowed": False, "ocoAllowed": False,
        "otoAllowed": False, "quoteOrderQtyMarketAllowed": True, "allowTrailingStop": False, "cancelReplaceAllowed": False,
        "isSpotTradingAllowed": True, "isMarginTradingAllowed": False, "filters": filters.describe(pair), "permissions": [],
        "permissionSets": [["SPOT"]], "defaultSelfTradePreventionMode": SelfTrade.EXPIRE_MAKER,
        "allowedSelfTradePreventionModes": list(SelfTrade),
    }  # fmt: skip
