"""What is asked of an exchange through an engine connector, for any connector: one order, its fills, the last price.

Listings (open orders, account trades) are not part of the engine's connectors: `Reading` has none, an exchange's own subclass
may have them.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from contracts.rejections import Unavailable
from contracts.trading import Side
from engine_kit.answer import read
from engine_kit.asking import ASK_SECONDS, ENGINE_ERRORS, asked

from trading.adapters.exchange import ExchangeOrder, Fill, OrderReport, OrderTicket, ReportStatus, Update

STATUSES = {
    "PENDING_CREATE": ReportStatus.OPEN,
    "PENDING_APPROVAL": ReportStatus.OPEN,
    "APPROVED": ReportStatus.OPEN,
    "CREATED": ReportStatus.OPEN,
    "OPEN": ReportStatus.OPEN,
    "PENDING_CANCEL": ReportStatus.OPEN,
    "PARTIALLY_FILLED": ReportStatus.PARTIALLY_FILLED,
    "FILLED": ReportStatus.FILLED,
    "COMPLETED": ReportStatus.FILLED,
    "CANCELED": ReportStatus.CANCELLED,
    "FAILED": ReportStatus.FAILED,
}
"""The engine's OrderState by name."""


def moment(seconds: float) -> datetime:
    """An engine time stamp as a time; now when the engine had none."""
    return datetime.fromtimestamp(seconds, UTC) if math.isfinite(seconds) and seconds > 0 else datetime.now(UTC)


class Reading:
    """Questions through one connector. `tracked` gives the engine's own record of an order."""

    rest_only = False
    """Whether all this connector does goes through the watched transport."""

    reads_stream = False
    """Whether executions and order states are read from the raw user stream here, rather than by the engine's connector."""

    def __init__(self, connector: Any, tracked: Callable[[OrderTicket], Any]) -> None:
        self._connector = connector
        self._tracked = tracked

    async def order_report(self, order: OrderTicket) -> OrderReport:
        """One order, asked by its ids."""
        evidence = f"{self._connector.name} order status"
        try:
            async with asyncio.timeout(ASK_SECONDS):
                update = await self._connector._request_order_status(self._tracked(order))
        except ENGINE_ERRORS as error:
            answer = read(error)
            if self._connector._is_order_not_found_during_status_update_error(error):
                now = datetime.now(UTC)
                return OrderReport(
                    order.order_id, order.exchange_order_id, ReportStatus.NOT_FOUND, now, answer.reason, answer.evidence
                )
            raise Unavailable(f"the exchange gave no usable answer: {answer.reason}") from error
        return report(update, order.order_id, evidence)

    async def fills_of(self, order: OrderTicket) -> list[Fill]:
        """The executions of one order, oldest first."""
        updates = await asked(self._connector._all_trade_updates_for_order(self._tracked(order)))
        return sorted((fill(update, order) for update in updates), key=lambda found: found.time)

    async def open_orders(self) -> list[ExchangeOrder] | None:
        """None: the engine's connectors have no listing."""
        return None

    async def orders_since(self, trading_pair: str, since: datetime) -> list[ExchangeOrder] | None:
        """None: the engine's connectors have no listing."""
        return None

    async def trades_since(self, trading_pair: str, since: datetime) -> list[Fill] | None:
        """None: the engine's connectors have no listing."""
        return None

    async def price(self, trading_pair: str) -> Decimal | None:
        """The last traded price. The engine gives a float here; its shortest text is what the exchange wrote."""
        found = Decimal(str(await asked(self._connector._get_last_traded_price(trading_pair))))
        return found if found.is_finite() and found > 0 else None

    async def on_event(self, event: Any, emit: Callable[[Update], None]) -> None:
        """Read a raw user stream message, where `reads_stream`."""


def report(update: Any, order_id: str, evidence: str) -> OrderReport:
    """An engine OrderUpdate as a report."""
    reason = (update.misc_updates or {}).get("error_message") or update.new_state.name
    exchange_order_id = None if update.exchange_order_id is None else str(update.exchange_order_id)
    status = STATUSES[update.new_state.name]
    return OrderReport(order_id, exchange_order_id, status, moment(update.update_timestamp), reason, evidence)


def fill(update: Any, order: OrderTicket) -> Fill:
    """An engine TradeUpdate as a fill. ValueError when a number is not exact: a float never becomes money."""
    price, amount = update.fill_price, update.fill_base_amount
    fee, fee_token = _fee(update, order)
    if not all(isinstance(number, Decimal) for number in (price, amount, fee)):
        msg = f"the engine gave an inexact number for trade {update.trade_id}"
        raise ValueError(msg)
    return Fill(
        order_id=order.order_id,
        exchange_order_id=None if update.exchange_order_id is None else str(update.exchange_order_id),
        trade_id=str(update.trade_id),
        trading_pair=order.trading_pair,
        side=order.side,
        price=price,
        amount=amount,
        fee=fee,
        fee_token=fee_token,
        is_maker=None,
        time=moment(update.fill_timestamp),
    )


def _fee(update: Any, order: OrderTicket) -> tuple[Decimal, str | None]:
    """The fee in its own token: what the exchange charged, or its percentage of the value where it told only that."""
    flat = update.fee.flat_fees
    if flat:
        token = flat[0].token
        return sum((part.amount for part in flat if part.token == token), Decimal(0)), token
    quote = order.trading_pair.split("-")[1]
    return update.fill_price * update.fill_base_amount * update.fee.percent, update.fee.percent_token or quote


def side_of(is_buy: bool) -> Side:
    """BUY or SELL."""
    return Side.BUY if is_buy else Side.SELL
