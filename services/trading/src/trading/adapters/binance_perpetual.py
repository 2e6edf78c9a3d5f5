"""Binance USD-M futures beyond the engine's connector, as `binance` is for spot.

Protocol: developers.binance.com, "USD(S)-M Futures": REST under /fapi, user stream events ORDER_TRADE_UPDATE, ACCOUNT_UPDATE.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from contracts.trading import Position, PositionMode, PositionSide
from contracts.trading.reconciliation import DifferenceReason
from engine_kit.answer import read
from engine_kit.asking import asked

from trading.adapters.binance import PAGE, STATUSES, BinanceReading, Paths, executed_trade, stamp, trade, when
from trading.adapters.derivative import Derivative, position_of
from trading.adapters.exchange import (
    Accepted,
    Fill,
    FundingChanged,
    FundingPayment,
    OrderReport,
    Outcome,
    PositionsChanged,
    Refused,
    Update,
)

FUTURES = Paths(
    order="v1/order",
    open_orders="v1/openOrders",
    all_orders="v1/allOrders",
    trades="v1/userTrades",
    ticker="v1/ticker/24hr",
    query_order="GETv1/order",
    weights={"v1/openOrders": 40, "v1/allOrders": 5, "v1/fundingRate": 1},
    window=timedelta(days=6),  # less than seven days, says Binance
)

ACCOUNT, MODE, SET_MODE, LEVERAGE = "v2/account", "v1/positionSide/dual", "POSTv1/positionSide/dual", "v1/leverage"
INCOME, RATES, FUNDING = "v1/income", "v1/fundingRate", "FUNDING_FEE"
SAME_MODE = -4059
"""Binance's code for: no need to change the position mode."""
SETTLES_EVERY = timedelta(hours=8)
OWN_ORDERS = {
    "autoclose-": DifferenceReason.LIQUIDATION,
    "adl_autoclose": DifferenceReason.ADL,
    "settlement_autoclose-": DifferenceReason.SETTLEMENT,
}
"""How the client ids of the exchange's own orders begin ("New Order", field clientOrderId)."""


def hedged_side(told: str) -> PositionSide | None:
    """The side of the hedged position; None for BOTH, the net one."""
    return PositionSide(told) if told in PositionSide else None


class BinancePerpetualReading(BinanceReading):
    """Questions to Binance futures through one connector."""

    paths = FUTURES

    async def on_event(self, event: Any, emit: Callable[[Update], None]) -> None:
        """Executions and order states of the user stream, whoever placed the order; liquidations are orders too."""
        kind = event.get("e")
        if kind == "ORDER_TRADE_UPDATE":
            await self._on_order(event["o"], emit)
        elif kind == "ACCOUNT_UPDATE" and event["a"]["m"] == FUNDING:
            emit(FundingChanged())
        elif kind in ("ACCOUNT_UPDATE", "ACCOUNT_CONFIG_UPDATE"):
            emit(PositionsChanged())

    async def _on_order(self, order: Mapping[str, Any], emit: Callable[[Update], None]) -> None:
        # Unlike on spot, `c` is the order's own id on a cancel too.
        order_id = order["c"]
        if order["t"]:
            pair = await self._pair(order["s"])
            if pair is not None:
                emit(replace(executed_trade(order, pair, order_id), position_side=hedged_side(order["ps"])))
        emit(
            OrderReport(
                order_id=order_id,
                exchange_order_id=str(order["i"]),
                status=STATUSES[order["X"]],
                time=when(order["T"]),
                reason=order["X"],
                evidence=f"user stream ORDER_TRADE_UPDATE: execution {order['x']}, status {order['X']}, executed {order['z']}",
                executed=Decimal(order["z"]),
            )
        )

    def _trade(self, row: Mapping[str, Any], trading_pair: str, order_id: str | None) -> Fill:
        fill = trade(row, trading_pair, order_id, bought=row["buyer"], made=row["maker"])
        return replace(fill, position_side=hedged_side(row["positionSide"]))


class BinanceDerivative(Derivative):
    """Positions with their margin in one call, and Binance's own words when it refuses a setting."""

    rest_only = True

    async def positions(self) -> list[Position]:
        """All open positions. Raises Unavailable."""
        account = await asked(self._connector._api_get(path_url=ACCOUNT, is_auth_required=True))
        held = [row for row in account["positions"] if Decimal(row["positionAmt"])]
        return [await self._position(row) for row in held]

    def cause_of(self, client_order_id: str) -> DifferenceReason:
        """Whose order it was, by its id."""
        found = (reason for begins, reason in OWN_ORDERS.items() if client_order_id.startswith(begins))
        return next(found, DifferenceReason.EXTERNAL_TRADE)

    async def funding_since(self, since: datetime) -> list[FundingPayment] | None:
        """Funding payments since then, oldest first, each with the settlement before it. Raises Unavailable."""
        rows = await self._listed(INCOME, {"incomeType": FUNDING}, since, time="time", signed=True)
        rates = {symbol: await self._rates(symbol, rows) for symbol in {row["symbol"] for row in rows}}
        return [await self._payment(row, rates[row["symbol"]]) for row in rows]

    async def _rates(self, symbol: str, rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        first = min(when(row["time"]) for row in rows if row["symbol"] == symbol)
        return await self._listed(RATES, {"symbol": symbol}, first - SETTLES_EVERY, time="fundingTime", signed=False)

    async def _payment(self, row: Mapping[str, Any], rates: Sequence[Mapping[str, Any]]) -> FundingPayment:
        place = bisect_right(rates, row["time"], key=lambda rate: int(rate["fundingTime"]))
        settled = rates[place - 1] if place else None
        mark = None if settled is None or not settled.get("markPrice") else Decimal(settled["markPrice"])
        return FundingPayment(
            exchange_id=str(row["tranId"]),
            trading_pair=await self._pair(row["symbol"]),
            amount=Decimal(row["income"]),
            token=row["asset"],
            rate=None if settled is None else Decimal(settled["fundingRate"]),
            mark=mark,
            time=when(row["time"]),
        )

    async def _listed(
        self, path: str, parameters: Mapping[str, Any], since: datetime, *, time: str, signed: bool
    ) -> list[Mapping[str, Any]]:
        """All rows since then, by `time`: window by window, and within one from the last row on while pages are full."""
        now, start = datetime.now(UTC) + timedelta(minutes=1), since
        found: dict[str, Mapping[str, Any]] = {}
        while start <= now:
            end = min(start + FUTURES.window, now)
            span = {"startTime": stamp(start), "endTime": stamp(end), "limit": PAGE}
            call = self._connector._api_get(
                path_url=path, params={**parameters, **span}, is_auth_required=signed, limit_id=path
            )
            page = sorted(await asked(call), key=lambda row: int(row[time]))
            found |= {json.dumps(row, sort_keys=True): row for row in page}
            full = len(page) >= PAGE
            start = max(when(page[-1][time]), start + timedelta(milliseconds=1)) if full else end + timedelta(milliseconds=1)
        return sorted(found.values(), key=lambda row: int(row[time]))

    async def _position(self, row: Mapping[str, Any]) -> Position:
        return position_of(
            await self._pair(row["symbol"]),
            row["positionSide"],
            Decimal(row["positionAmt"]),
            entry=Decimal(row["entryPrice"]),
            profit=Decimal(row["unrealizedProfit"]),
            leverage=Decimal(row["leverage"]),
            margin=Decimal(row["positionInitialMargin"]),
            changed_at=when(row["updateTime"]) if row.get("updateTime") else None,
        )

    async def _pair(self, symbol: str) -> str:
        """The symbol itself where it is not traded any longer: a position there is still a position."""
        try:
            return str(await self._connector.trading_pair_associated_to_exchange_symbol(symbol=symbol))
        except KeyError:
            return symbol

    async def _set_mode(self, mode: PositionMode) -> Outcome:
        wanted = {"dualSidePosition": mode is PositionMode.HEDGE}
        try:
            await self._post(MODE, wanted, SET_MODE)
        except OSError as error:
            if read(error).code != SAME_MODE:
                raise
        return Accepted("", datetime.now(UTC))

    async def _set_leverage(self, trading_pair: str, leverage: int) -> Outcome:
        symbol = await self._connector.exchange_symbol_associated_to_pair(trading_pair=trading_pair)
        answer = await self._post(LEVERAGE, {"symbol": symbol, "leverage": leverage}, LEVERAGE)
        if answer["leverage"] != leverage:
            return Refused(f"the exchange set the leverage {answer['leverage']}", str(answer))
        return Accepted("", datetime.now(UTC))

    def _post(self, path: str, data: Mapping[str, Any], limit_id: str) -> Any:
        return self._connector._api_post(path_url=path, data=dict(data), is_auth_required=True, limit_id=limit_id)
