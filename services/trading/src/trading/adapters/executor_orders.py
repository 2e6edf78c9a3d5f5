"""An executor's orders in the engine's form, rebuilt from their events."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from contracts.trading import OrderFilled, OrderStatus

NOTHING = Decimal(0)


@dataclass(frozen=True, slots=True)
class Wanted:
    """An order an executor asks for. `price` is None for a market order."""

    connector: str
    trading_pair: str
    side: str
    order_type: str
    amount: Decimal
    price: Decimal | None
    position_action: str


@dataclass(frozen=True, slots=True)
class Placed:
    """An order of an executor as its events show it. `average_price` is None before the first execution."""

    order_id: str
    wanted: Wanted
    placed_at: datetime
    exchange_order_id: str | None
    status: OrderStatus
    filled_amount: Decimal
    filled_quote: Decimal
    average_price: Decimal | None
    fills: tuple[OrderFilled, ...]


def in_flight(placed: Placed) -> Any:
    """The engine's InFlightOrder with every execution in it."""
    module, common = _module(), _common()
    wanted = placed.wanted
    order = module.InFlightOrder(
        client_order_id=placed.order_id,
        trading_pair=wanted.trading_pair,
        order_type=common.OrderType[wanted.order_type],
        trade_type=common.TradeType[wanted.side],
        amount=wanted.amount,
        price=wanted.price if wanted.price is not None else _first_price(placed),
        creation_timestamp=placed.placed_at.timestamp(),
        exchange_order_id=placed.exchange_order_id,
        position=common.PositionAction[wanted.position_action],
    )
    refresh(order, placed)
    return order


def asked(order_id: str, wanted: Wanted, now: float) -> Any:
    """The engine's form of an order of which nothing is known but that it is wanted."""
    return _unplaced(order_id, wanted, now, _module().OrderState.PENDING_CREATE)


def never_left(order_id: str, wanted: Wanted, now: float) -> Any:
    """The engine's form of an order that was refused before it left."""
    return _unplaced(order_id, wanted, now, _module().OrderState.FAILED)


def _unplaced(order_id: str, wanted: Wanted, now: float, state: Any) -> Any:
    module, common = _module(), _common()
    return module.InFlightOrder(
        client_order_id=order_id,
        trading_pair=wanted.trading_pair,
        order_type=common.OrderType[wanted.order_type],
        trade_type=common.TradeType[wanted.side],
        amount=wanted.amount,
        price=wanted.price or NOTHING,
        creation_timestamp=now,
        initial_state=state,
    )


def refresh(order: Any, placed: Placed) -> None:
    """Bring the engine's order to what the events show."""
    order.exchange_order_id = placed.exchange_order_id
    for fill in placed.fills:
        if fill.trade_id not in order.order_fills:
            order.order_fills[fill.trade_id] = _trade_update(fill)
            order.executed_amount_base += fill.amount
            order.executed_amount_quote += fill.price * fill.amount
            order.last_update_timestamp = fill.time.timestamp()
    if not order.price:
        order.price = _first_price(placed)
    order.current_state = _state(placed)
    order.check_filled_condition()
    order.check_processed_by_exchange_condition()


def event(kind: str, placed: Placed | None, order_id: str, wanted: Wanted, now: float) -> Any:
    """The engine's event of this kind: created, filled, completed, cancelled or failed. What no executor reads is left out."""
    events = importlib.import_module("hummingbot.core.event.events")
    bought, order_type = wanted.side == "BUY", _common().OrderType[wanted.order_type]
    match kind:
        case "created":
            made = events.BuyOrderCreatedEvent if bought else events.SellOrderCreatedEvent
            return made(now, order_type, wanted.trading_pair, wanted.amount, wanted.price or NOTHING, order_id, now)
        case "filled":
            fill = placed.fills[-1] if placed is not None else None
            price, amount = (fill.price, fill.amount) if fill is not None else (NOTHING, NOTHING)
            side = _common().TradeType[wanted.side]
            return events.OrderFilledEvent(now, order_id, wanted.trading_pair, side, order_type, price, amount, None)
        case "completed":
            made = events.BuyOrderCompletedEvent if bought else events.SellOrderCompletedEvent
            filled = (placed.filled_amount, placed.filled_quote) if placed is not None else (NOTHING, NOTHING)
            return made(now, order_id, *wanted.trading_pair.split("-", 1), *filled, order_type)
        case "cancelled":
            return events.OrderCancelledEvent(now, order_id)
        case _:
            return events.MarketOrderFailureEvent(now, order_id, order_type)


def _trade_update(fill: OrderFilled) -> Any:
    fees = importlib.import_module("hummingbot.core.data_type.trade_fee")
    token = fill.fee_token or fill.trading_pair.split("-", 1)[1]
    fee = fees.AddedToCostTradeFee(flat_fees=[fees.TokenAmount(token, fill.fee)])
    return _module().TradeUpdate(
        trade_id=fill.trade_id,
        client_order_id=fill.order_id,
        exchange_order_id=fill.exchange_order_id or "",
        trading_pair=fill.trading_pair,
        fill_timestamp=fill.time.timestamp(),
        fill_price=fill.price,
        fill_base_amount=fill.amount,
        fill_quote_amount=fill.price * fill.amount,
        fee=fee,
    )


def _state(placed: Placed) -> Any:
    states = _module().OrderState
    match placed.status:
        case OrderStatus.FILLED:
            return states.FILLED
        case OrderStatus.CANCELLED:
            return states.CANCELED
        case OrderStatus.FAILED:
            return states.FAILED
        case OrderStatus.PENDING_CANCEL:
            return states.PENDING_CANCEL
        case OrderStatus.PARTIALLY_FILLED:
            return states.PARTIALLY_FILLED
        case _:
            # Submitted or unknown: on the book only where the exchange has named it.
            return states.PENDING_CREATE if placed.exchange_order_id is None else states.OPEN


def _first_price(placed: Placed) -> Decimal:
    """A market order has the price of its executions, as the engine shows it."""
    return placed.average_price or NOTHING


def _module() -> Any:
    return importlib.import_module("hummingbot.core.data_type.in_flight_order")


def _common() -> Any:
    return importlib.import_module("hummingbot.core.data_type.common")
