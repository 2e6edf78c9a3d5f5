"""Public futures market data as Binance's REST answers and market streams show it, where it differs from spot."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from sandbox_exchange.domain.perpetual.contracts import MARGIN_ASSET, Contract
from sandbox_exchange.domain.perpetual.events import FundingSettled
from sandbox_exchange.domain.perpetual.premium import INTEREST
from sandbox_exchange.domain.perpetual.state import ContractMarket
from sandbox_exchange.domain.spot.book import OrderBook
from sandbox_exchange.domain.spot.events import Traded
from sandbox_exchange.domain.spot.orders import Side
from sandbox_exchange.domain.wire import markets
from sandbox_exchange.domain.wire.amounts import amount
from sandbox_exchange.domain.wire.ledger import plain

LISTED_AT = 1_569_398_400_000
FAR_FUTURE = 4_133_404_800_000
ORDER_TYPES = ["LIMIT", "MARKET"]
TIMES_IN_FORCE = ["GTC", "IOC", "FOK", "GTX"]


def exchange_information(contracts: Iterable[tuple[Contract, bool]], at: int) -> dict[str, object]:
    """`GET /fapi/v1/exchangeInfo` of contracts, each with whether it is halted. The limits are Binance's, and not enforced."""
    return {
        "timezone": "UTC",
        "serverTime": at,
        "futuresType": "U_MARGINED",
        "rateLimits": [
            {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 2400},
            {"rateLimitType": "ORDERS", "interval": "MINUTE", "intervalNum": 1, "limit": 1200},
            {"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": 300},
        ],
        "exchangeFilters": [],
        "assets": [{"asset": MARGIN_ASSET, "marginAvailable": True, "autoAssetExchange": None}],
        "symbols": [_symbol(contract, "BREAK" if halted else "TRADING") for contract, halted in contracts],
    }


def depth(book: OrderBook, limit: int, at: int) -> dict[str, object]:
    """`GET /fapi/v1/depth`."""
    return {**markets.depth(book, limit), "E": at, "T": at}


def depth_update(market: ContractMarket, changed: Iterable[tuple[Side, Decimal]], first: int, at: int) -> dict[str, object]:
    """A `depthUpdate`; `pu` is the last update of the message before it."""
    return {**markets.depth_update(market, changed, first, at), "T": at, "pu": first - 1}


def book_ticker(market: ContractMarket, at: int) -> dict[str, object]:
    """`GET /fapi/v1/ticker/bookTicker`."""
    return {**markets.book_ticker(market), "lastUpdateId": market.book.version, "time": at}


def book_ticker_event(market: ContractMarket, at: int) -> dict[str, object]:
    """Best bid and ask, as the stream `@bookTicker`."""
    return {"e": "bookTicker", "E": at, "T": at, **markets.book_ticker_event(market)}


def trade_event(trade: Traded) -> dict[str, object]:
    """A message of the stream `@trade`."""
    return {**markets.trade_event(trade), "X": "MARKET"}


def aggregate_trade_event(trade: Traded) -> dict[str, object]:
    """A message of the stream `@aggTrade`: here each trade is an aggregate of its own."""
    return {
        "e": "aggTrade", "E": trade.at, "s": trade.symbol, "a": trade.trade, "p": amount(trade.price),
        "q": amount(trade.quantity), "f": trade.trade, "l": trade.trade, "T": trade.at, "m": trade.taker_side is Side.SELL,
    }  # fmt: skip


def premium_index(market: ContractMarket, next_funding: int, at: int) -> dict[str, object]:
    """`GET /fapi/v1/premiumIndex`; `lastFundingRate` is the rate as it stands now, as on Binance."""
    return {
        "symbol": market.pair.symbol, "markPrice": amount(market.mark), "indexPrice": amount(market.index),
        "estimatedSettlePrice": amount(market.index), "lastFundingRate": amount(market.rate),
        "interestRate": amount(INTEREST), "nextFundingTime": next_funding, "time": at,
    }  # fmt: skip


def mark_price_event(market: ContractMarket, next_funding: int, at: int) -> dict[str, object]:
    """A message of the streams `@markPrice` and `@markPrice@1s`."""
    return {
        "e": "markPriceUpdate", "E": at, "s": market.pair.symbol, "p": amount(market.mark), "i": amount(market.index),
        "P": amount(market.index), "r": amount(market.rate), "T": next_funding,
    }  # fmt: skip


def funding(settled: FundingSettled) -> dict[str, object]:
    """A row of `GET /fapi/v1/fundingRate`."""
    return {
        "symbol": settled.symbol, "fundingRate": amount(settled.rate), "fundingTime": settled.due,
        "markPrice": amount(settled.mark),
    }  # fmt: skip


def bracket(contract: Contract, leverage: int) -> dict[str, object]:
    """The one bracket of a contract, as `GET /fapi/v1/leverageBracket`. `leverage` is the account's own."""
    cap = plain(contract.max_quantity * contract.max_price)
    return {
        "symbol": contract.symbol,
        "notionalCoef": 1.0,
        "brackets": [
            {
                "bracket": 1, "initialLeverage": contract.max_leverage, "notionalCap": int(Decimal(cap)), "notionalFloor": 0,
                "maintMarginRatio": float(contract.maintenance_rate), "cum": 0.0,
            }
        ],
        "leverage": leverage,
    }  # fmt: skip


def _symbol(contract: Contract, status: str) -> dict[str, object]:
    lot = {"minQty": plain(contract.step), "maxQty": plain(contract.max_quantity), "stepSize": plain(contract.step)}
    return {
        "symbol": contract.symbol, "pair": contract.symbol, "contractType": "PERPETUAL", "deliveryDate": FAR_FUTURE,
        "onboardDate": LISTED_AT, "status": status, "maintMarginPercent": plain(contract.maintenance_rate * 100),
        "requiredMarginPercent": plain(contract.maintenance_rate * 200), "baseAsset": contract.base,
        "quoteAsset": contract.quote, "marginAsset": MARGIN_ASSET, "pricePrecision": _places(contract.tick),
        "quantityPrecision": _places(contract.step), "baseAssetPrecision": 8, "quotePrecision": 8,
        "underlyingType": "COIN", "underlyingSubType": [], "triggerProtect": "0.0500", "liquidationFee": "0",
        "marketTakeBound": "0.05", "orderTypes": ORDER_TYPES, "timeInForce": TIMES_IN_FORCE,
        "filters": [
            {
                "filterType": "PRICE_FILTER", "minPrice": plain(contract.tick), "maxPrice": plain(contract.max_price),
                "tickSize": plain(contract.tick),
            },
            {"filterType": "LOT_SIZE", **lot},
            {"filterType": "MARKET_LOT_SIZE", **lot},
            {"filterType": "MIN_NOTIONAL", "notional": plain(contract.min_notional)},
        ],
    }  # fmt: skip


def _places(unit: Decimal) -> int:
    return len(plain(unit).partition(".")[2])
