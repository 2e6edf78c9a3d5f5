"""Binance USD-M futures beyond the engine's connector, as `binance` is for spot.

Protocol: developers.binance.com, "USD(S)-M Futures": REST under /fapi, user stream events ORDER_TRADE_UPDATE, ACCOUNT_UPDATE.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from contracts.trading import Position, PositionMode

from trading.adapters import outcome
from trading.adapters.binance import STATUSES, BinanceReading, Paths, executed_trade, trade, when
from trading.adapters.derivative import Derivative, position_of
from trading.adapters.exchange import Accepted, Fill, OrderReport, Outcome, PositionsChanged, Refused, Update
from trading.adapters.reading import asked

FUTURES = Paths(
    order="v1/order",
    open_orders="v1/openOrders",
    all_orders="v1/allOrders",
    trades="v1/userTrades",
    ticker="v1/ticker/24hr",
    query_order="GETv1/order",
    weights={"v1/openOrders": 40, "v1/allOrders": 5},
    window=timedelta(days=6),  # less than seven days, says Binance
)

ACCOUNT, MODE, SET_MODE, LEVERAGE = "v2/account", "v1/positionSide/dual", "POSTv1/positionSide/dual", "v1/leverage"
SAME_MODE = -4059
"""Binance's code for: no need to change the position mode."""


class BinancePerpetualReading(BinanceReading):
    """Questions to Binance futures through one connector."""

    paths = FUTURES

    async def on_event(self, event: Any, emit: Callable[[Update], None]) -> None:
        """Executions and order states of the user stream, whoever placed the order; liquidations are orders too."""
        kind = event.get("e")
        if kind == "ORDER_TRADE_UPDATE":
            await self._on_order(event["o"], emit)
        elif kind in ("ACCOUNT_UPDATE", "ACCOUNT_CONFIG_UPDATE"):
            emit(PositionsChanged())

    async def _on_order(self, order: Mapping[str, Any], emit: Callable[[Update], None]) -> None:
        # Unlike on spot, `c` is the order's own id on a cancel too.
        order_id = order["c"]
        if order["t"]:
            pair = await self._pair(order["s"])
            if pair is not None:
                emit(executed_trade(order, pair, order_id))
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
        return trade(row, trading_pair, order_id, bought=row["buyer"], made=row["maker"])


class BinanceDerivative(Derivative):
    """Positions with their margin in one call, and Binance's own words when it refuses a setting."""

    rest_only = True

    async def positions(self) -> list[Position]:
        """All open positions. Raises Unavailable."""
        account = await asked(self._connector._api_get(path_url=ACCOUNT, is_auth_required=True))
        held = [row for row in account["positions"] if Decimal(row["positionAmt"])]
        return [await self._position(row) for row in held]

    async def _position(self, row: Mapping[str, Any]) -> Position:
        return position_of(
            await self._pair(row["symbol"]),
            row["positionSide"],
            Decimal(row["positionAmt"]),
            entry=Decimal(row["entryPrice"]),
            profit=Decimal(row["unrealizedProfit"]),
            leverage=Decimal(row["leverage"]),
            margin=Decimal(row["positionInitialMargin"]),
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
            if outcome.read(error).code != SAME_MODE:
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
