"""Binance spot beyond the engine's connector: listings, exact fills with the maker flag, and pushes for any order.

Everything goes through the connector's own signed calls and its rate limiter. Numbers are Binance's decimal texts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from contracts.rejections import Unavailable
from contracts.trading import OrderType
from engine_kit.answer import read
from engine_kit.asking import asked

from trading.adapters.exchange import (
    ExchangeOrder,
    Fill,
    OrderReport,
    OrderTicket,
    ReportStatus,
    Update,
)
from trading.adapters.reading import Reading, side_of

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
PAGE = 1000
WEIGHT, MOST_REQUESTS = "REQUEST_WEIGHT", 5000
"""The engine's name of the pool of request weight; a call's own limit is only there to lead to its pools."""


@dataclass(frozen=True)
class Paths:
    """Where a market of Binance answers. `query_order` is the limit of questions about one order, apart from new orders.

    `weights` are the request weights of what the engine's connector has no limit for; `window` the longest span that is listed
    by time in one call.
    """

    order: str
    open_orders: str
    all_orders: str
    trades: str
    ticker: str
    query_order: str
    weights: Mapping[str, int]
    window: timedelta


SPOT = Paths(
    order="/order",
    open_orders="/openOrders",
    all_orders="/allOrders",
    trades="/myTrades",
    ticker="/ticker/24hr",
    query_order="GET /order",
    weights={"GET /order": 4, "/openOrders": 80, "/allOrders": 20},
    window=timedelta(hours=24),
)
GONE: Mapping[object, ReportStatus] = {-2013: ReportStatus.NOT_FOUND, -2026: ReportStatus.CANCELLED}
"""Order does not exist; order was cancelled or expired without a fill so long ago that it is archived."""

STATUSES = {
    "PENDING_NEW": ReportStatus.OPEN,
    "NEW": ReportStatus.OPEN,
    "PENDING_CANCEL": ReportStatus.OPEN,
    "PARTIALLY_FILLED": ReportStatus.PARTIALLY_FILLED,
    "FILLED": ReportStatus.FILLED,
    "CANCELED": ReportStatus.CANCELLED,
    "EXPIRED": ReportStatus.CANCELLED,
    "EXPIRED_IN_MATCH": ReportStatus.CANCELLED,
    "REJECTED": ReportStatus.FAILED,
    "NEW_INSURANCE": ReportStatus.OPEN,
    "NEW_ADL": ReportStatus.OPEN,
}


def when(milliseconds: int) -> datetime:
    """Binance's time stamp, exactly."""
    return EPOCH + timedelta(milliseconds=milliseconds)


def stamp(time: datetime) -> int:
    """A time in Binance's milliseconds, rounded down."""
    return (time - EPOCH) // timedelta(milliseconds=1)


class BinanceReading(Reading):
    """Questions to Binance spot through one connector."""

    rest_only = True
    reads_stream = True
    paths = SPOT

    def __init__(self, connector: Any, tracked: Callable[[OrderTicket], Any]) -> None:
        super().__init__(connector, tracked)
        _add_limits(connector, self.paths.weights)

    async def order_report(self, order: OrderTicket) -> OrderReport:
        """One order by its client id."""
        query = f"GET {self.paths.order} origClientOrderId={order.order_id}"
        symbol = await self._symbol(order.trading_pair)
        params = {"symbol": symbol, "origClientOrderId": order.order_id}
        try:
            row = await asked(self._get(self.paths.order, params, self.paths.query_order))
        except Unavailable as unanswered:
            answer = read(unanswered.__cause__ or unanswered)
            status = GONE.get(answer.code)
            if status is None:
                raise
            now = datetime.now(UTC)
            evidence = f"{query}: {answer.evidence}"
            return OrderReport(order.order_id, order.exchange_order_id, status, now, answer.reason, evidence)
        return OrderReport(
            order_id=order.order_id,
            exchange_order_id=str(row["orderId"]),
            status=STATUSES[row["status"]],
            time=when(row["updateTime"]),
            reason=row["status"],
            evidence=f"{query}: status {row['status']}, executedQty {row['executedQty']}",
            executed=Decimal(row["executedQty"]),
        )

    async def fills_of(self, order: OrderTicket) -> list[Fill]:
        """The executions of one order; asks for its exchange id first where it is not known."""
        exchange_order_id = order.exchange_order_id or (await self.order_report(order)).exchange_order_id
        if exchange_order_id is None:
            return []
        symbol = await self._symbol(order.trading_pair)
        params = {"symbol": symbol, "orderId": int(exchange_order_id), "limit": PAGE}
        rows = await asked(self._get(self.paths.trades, params))
        return [self._trade(row, order.trading_pair, order.order_id) for row in sorted(rows, key=lambda row: int(row["id"]))]

    async def open_orders(self) -> list[ExchangeOrder] | None:
        """All open orders of the account."""
        rows = await asked(self._get(self.paths.open_orders, {}))
        found = [(row, await self._pair(row["symbol"])) for row in rows]
        return [_order(row, pair) for row, pair in found if pair is not None]

    async def orders_since(self, trading_pair: str, since: datetime) -> list[ExchangeOrder] | None:
        """Orders of any state placed since then, oldest first."""
        rows = await self._listed(self.paths.all_orders, trading_pair, since, cursor="orderId", id_field="orderId")
        return [_order(row, trading_pair) for row in rows]

    async def trades_since(self, trading_pair: str, since: datetime) -> list[Fill] | None:
        """Executions since then, oldest first; Binance lists them without client order ids."""
        rows = await self._listed(self.paths.trades, trading_pair, since, cursor="fromId", id_field="id")
        return [self._trade(row, trading_pair, None) for row in rows]

    async def price(self, trading_pair: str) -> Decimal | None:
        """The last traded price."""
        params = {"symbol": await self._symbol(trading_pair)}
        row = await asked(self._connector._api_get(path_url=self.paths.ticker, params=params))
        found = Decimal(row["lastPrice"])
        return found if found > 0 else None

    async def on_event(self, event: Any, emit: Callable[[Update], None]) -> None:
        """Executions and order states of the user stream, whoever placed the order."""
        if event.get("e") != "executionReport":
            return
        # On a cancel `c` is the cancel request's own id and `C` the order's.
        order_id = event["C"] if event["x"] == "CANCELED" and event.get("C") else event["c"]
        if event["x"] == "TRADE":
            pair = await self._pair(event["s"])
            if pair is not None:
                emit(executed_trade(event, pair, order_id))
        rejected = event.get("r") if event["X"] == "REJECTED" else None
        emit(
            OrderReport(
                order_id=order_id,
                exchange_order_id=str(event["i"]),
                status=STATUSES[event["X"]],
                time=when(event["T"]),
                reason=rejected or event["X"],
                evidence=f"user stream executionReport: execution {event['x']}, status {event['X']}, executed {event['z']}",
                executed=Decimal(event["z"]),
            )
        )

    async def _listed(
        self, path: str, trading_pair: str, since: datetime, *, cursor: str, id_field: str
    ) -> list[Mapping[str, Any]]:
        """All rows since then: by window until the first are found, from there by id, which has no gaps and no time limit."""
        symbol = await self._symbol(trading_pair)
        now, window = datetime.now(UTC), self.paths.window
        start, rows = since, list[Mapping[str, Any]]()
        while not rows and start <= now:
            span = {"startTime": stamp(start), "endTime": stamp(min(start + window, now + timedelta(minutes=1)))}
            rows = sorted(
                await asked(self._get(path, {"symbol": symbol, **span, "limit": PAGE})), key=lambda row: int(row[id_field])
            )
            start += window
        page = rows
        while page and (len(page) == PAGE or start <= now):
            following = {cursor: int(rows[-1][id_field]) + 1}
            page = sorted(
                await asked(self._get(path, {"symbol": symbol, **following, "limit": PAGE})), key=lambda row: int(row[id_field])
            )
            rows += page
            start = now + window
        return rows

    def _trade(self, row: Mapping[str, Any], trading_pair: str, order_id: str | None) -> Fill:
        return trade(row, trading_pair, order_id, bought=row["isBuyer"], made=row["isMaker"])

    def _get(self, path: str, params: Mapping[str, Any], limit_id: str | None = None) -> Any:
        return self._connector._api_get(path_url=path, params=dict(params), is_auth_required=True, limit_id=limit_id or path)

    async def _symbol(self, trading_pair: str) -> str:
        try:
            return str(await self._connector.exchange_symbol_associated_to_pair(trading_pair=trading_pair))
        except KeyError:
            # Not traded now; its orders and trades are still there.
            return trading_pair.replace("-", "")

    async def _pair(self, symbol: str) -> str | None:
        """None for a symbol that is not traded any longer."""
        try:
            return str(await self._connector.trading_pair_associated_to_exchange_symbol(symbol=symbol))
        except KeyError:
            return None


def _add_limits(connector: Any, weights: Mapping[str, int]) -> None:
    from hummingbot.core.api_throttler.data_types import LinkedLimitWeightPair, RateLimit

    known = {limit.limit_id for limit in connector.throttler._rate_limits}
    pools = [pool for pool in (WEIGHT, "RAW_REQUESTS") if pool in known]
    connector.throttler.add_rate_limits(
        [
            RateLimit(
                limit_id=limit_id,
                limit=MOST_REQUESTS,
                time_interval=60,
                linked_limits=[LinkedLimitWeightPair(pool, weight if pool == WEIGHT else 1) for pool in pools],
            )
            for limit_id, weight in weights.items()
        ]
    )


def _order(row: Mapping[str, Any], trading_pair: str) -> ExchangeOrder:
    price = Decimal(row["price"])
    kinds = {kind.value: kind for kind in OrderType}
    return ExchangeOrder(
        client_order_id=row["clientOrderId"],
        exchange_order_id=str(row["orderId"]),
        trading_pair=trading_pair,
        side=side_of(row["side"] == "BUY"),
        order_type=kinds.get(row["type"], OrderType.LIMIT if price > 0 else OrderType.MARKET),
        amount=Decimal(row["origQty"]),
        price=price if price > 0 else None,
        executed=Decimal(row["executedQty"]),
        status=STATUSES[row["status"]],
        time=when(row["time"]),
    )


def trade(row: Mapping[str, Any], trading_pair: str, order_id: str | None, *, bought: bool, made: bool) -> Fill:
    """A row of a listing of own trades; spot and futures name its side and its maker flag differently."""
    return Fill(
        order_id=order_id,
        exchange_order_id=str(row["orderId"]),
        trade_id=str(row["id"]),
        trading_pair=trading_pair,
        side=side_of(bought),
        price=Decimal(row["price"]),
        amount=Decimal(row["qty"]),
        fee=Decimal(row["commission"]),
        fee_token=row["commissionAsset"],
        is_maker=made,
        time=when(row["time"]),
    )


def executed_trade(event: Mapping[str, Any], trading_pair: str, order_id: str) -> Fill:
    """The execution that an order's message on the user stream tells; fields have the same names on spot and futures."""
    return Fill(
        order_id=order_id,
        exchange_order_id=str(event["i"]),
        trade_id=str(event["t"]),
        trading_pair=trading_pair,
        side=side_of(event["S"] == "BUY"),
        price=Decimal(event["L"]),
        amount=Decimal(event["l"]),
        fee=Decimal(event.get("n") or 0),
        fee_token=event.get("N"),
        is_maker=event["m"],
        time=when(event["T"]),
    )
