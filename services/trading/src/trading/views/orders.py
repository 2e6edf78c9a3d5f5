"""The orders table: one row per order, with an index for every filter of the contract.

`status` is computed by Postgres from the same facts as `domain.order_state.Order.status`. A row is `known` once the order's
own event came; fills that come first wait in it, unseen.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from contracts.trading import (
    OrderCancelled,
    OrderCancelRefused,
    OrderCancelRequested,
    OrderCompleted,
    OrderFilled,
    OrderOutcomeResolved,
    OrderOutcomeUnknown,
    OrderPlaced,
    OrderRecorded,
    OrderRejected,
    OrderStatus,
    OrderSubmitted,
)
from eventlog.recorded import Recorded
from eventlog.statements import Statement, Write
from sqlalchemy import ARRAY, Boolean, Column, Computed, DateTime, Index, MetaData, Numeric, Table, Text, text

STATUS = """CASE
    WHEN closed IS NOT NULL THEN closed
    WHEN unknown IS NOT NULL THEN 'UNKNOWN'
    WHEN cancel_wanted THEN 'PENDING_CANCEL'
    WHEN filled_amount <> 0 THEN 'PARTIALLY_FILLED'
    WHEN acknowledged THEN 'OPEN'
    ELSE 'SUBMITTED' END"""

metadata = MetaData()

orders = Table(
    "orders",
    metadata,
    Column("order_id", Text, primary_key=True),
    Column("known", Boolean, nullable=False, server_default="false"),
    Column("external", Boolean, nullable=False, server_default="false"),
    Column("client_order_id", Text, nullable=False),
    Column("account", Text, nullable=False),
    Column("connector", Text, nullable=False),
    Column("trading_pair", Text, nullable=False),
    Column("side", Text, nullable=False),
    Column("order_type", Text, nullable=False),
    Column("position_action", Text, nullable=False, server_default="OPEN"),
    Column("executor_id", Text),
    Column("amount", Numeric, nullable=False, server_default="0"),
    Column("price", Numeric),
    Column("exchange_order_id", Text),
    Column("acknowledged", Boolean, nullable=False, server_default="false"),
    Column("cancel_wanted", Boolean, nullable=False, server_default="false"),
    Column("unknown", Text),
    Column("closed", Text),
    Column("filled_amount", Numeric, nullable=False, server_default="0"),
    Column("filled_quote", Numeric, nullable=False, server_default="0"),
    Column("fee_paid", Numeric, nullable=False, server_default="0"),
    Column("fee_tokens", ARRAY(Text), nullable=False, server_default="{}"),
    Column("error_message", Text),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("updated_at", DateTime(timezone=True), nullable=False),
    Column("status", Text, Computed(STATUS, persisted=True)),
)


def _index(name: str, *columns: str, where: str = "known") -> None:
    Index(f"orders_by_{name}", *(orders.c[column] for column in columns), postgresql_where=text(where))


_index("time", "created_at", "order_id")
_index("account", "account", "created_at", "order_id")
_index("connector", "connector", "created_at", "order_id")
_index("pair", "trading_pair", "created_at", "order_id")
_index("status", "status", "created_at", "order_id")
_index("session", "account", "connector", "trading_pair", "created_at", "order_id")
_index("session_time", "account", "connector", "created_at", "order_id")
_index("account_status", "account", "status", "created_at", "order_id")
_index("open", "order_id", where="known AND closed IS NULL")
_index("session_open", "account", "connector", where="known AND closed IS NULL")
_index("exchange_order_id", "account", "connector", "exchange_order_id")
_index("executor", "executor_id", where="executor_id IS NOT NULL")
_index("client_order_id", "account", "connector", "client_order_id")

ROW = ("orders", "order_id")

_INTRODUCE = Statement(
    text(
        """INSERT INTO orders (order_id, known, external, client_order_id, account, connector, trading_pair, side, order_type,
            position_action, executor_id, amount, price, exchange_order_id, acknowledged, created_at, updated_at)
        VALUES (:order_id, true, :external, :client_order_id, :account, :connector, :trading_pair, :side, :order_type,
            :position_action, :executor_id, :amount, :price, :exchange_order_id, :external, :created_at, :at)
        ON CONFLICT (order_id) DO UPDATE SET known = true, external = excluded.external,
            client_order_id = excluded.client_order_id, order_type = excluded.order_type,
            position_action = excluded.position_action, executor_id = excluded.executor_id,
            amount = excluded.amount, price = excluded.price,
            exchange_order_id = coalesce(excluded.exchange_order_id, orders.exchange_order_id),
            created_at = excluded.created_at, updated_at = excluded.updated_at"""
    ),
    row=ROW,
)
_FILL = Statement(
    text(
        """INSERT INTO orders (order_id, client_order_id, account, connector, trading_pair, side, order_type, acknowledged,
            exchange_order_id, filled_amount, filled_quote, fee_paid, fee_tokens, created_at, updated_at)
        VALUES (:order_id, :order_id, :account, :connector, :trading_pair, :side, :order_type, true,
            :exchange_order_id, :amount, CAST(:amount AS numeric) * CAST(:price AS numeric), :fee, :fee_tokens, :at, :at)
        ON CONFLICT (order_id) DO UPDATE SET acknowledged = true,
            unknown = nullif(orders.unknown, 'submit'), closed = nullif(orders.closed, 'FAILED'),
            error_message = CASE WHEN orders.closed = 'FAILED' THEN NULL ELSE orders.error_message END,
            exchange_order_id = coalesce(orders.exchange_order_id, excluded.exchange_order_id),
            filled_amount = orders.filled_amount + excluded.filled_amount,
            filled_quote = orders.filled_quote + excluded.filled_quote,
            fee_paid = orders.fee_paid + excluded.fee_paid,
            fee_tokens = CASE WHEN orders.fee_tokens @> excluded.fee_tokens THEN orders.fee_tokens
                ELSE orders.fee_tokens || excluded.fee_tokens END,
            updated_at = excluded.updated_at"""
    ),
    row=ROW,
)
_SUBMITTED = Statement(
    text(
        """UPDATE orders SET acknowledged = true, unknown = nullif(unknown, 'submit'), exchange_order_id = :exchange_order_id,
            updated_at = :at WHERE order_id = :order_id"""
    ),
    row=ROW,
)
_RESOLVED = Statement(
    text(
        """UPDATE orders SET acknowledged = true, unknown = NULL, closed = nullif(closed, 'FAILED'),
            error_message = CASE WHEN closed = 'FAILED' THEN NULL ELSE error_message END,
            exchange_order_id = coalesce(:exchange_order_id, exchange_order_id), updated_at = :at WHERE order_id = :order_id"""
    ),
    row=ROW,
)
_UNKNOWN = Statement(text("UPDATE orders SET unknown = :action, updated_at = :at WHERE order_id = :order_id"), row=ROW)
_CANCEL_REQUESTED = Statement(
    text("UPDATE orders SET cancel_wanted = true, updated_at = :at WHERE order_id = :order_id"), row=ROW
)
_CANCEL_REFUSED = Statement(
    text(
        """UPDATE orders SET cancel_wanted = false, unknown = nullif(unknown, 'cancel'), updated_at = :at
            WHERE order_id = :order_id"""
    ),
    row=ROW,
)
_CLOSED = Statement(
    text(
        """UPDATE orders SET closed = :status, unknown = NULL, cancel_wanted = false,
            error_message = coalesce(:error_message, error_message), updated_at = :at WHERE order_id = :order_id"""
    ),
    row=ROW,
)


class OrdersView:
    """Projects every order event onto its row."""

    name = "orders"
    metadata = metadata

    def project(self, recorded: Recorded) -> Iterable[Write]:  # noqa: C901 - one arm per event
        """The writes of one event; none for events of sessions."""
        event, at = recorded.event, recorded.recorded_at
        match event:
            case OrderPlaced() | OrderRecorded():
                yield _introduced(event, recorded)
            case OrderFilled():
                yield _filled(event, recorded)
            case OrderSubmitted():
                yield _SUBMITTED.bind(order_id=event.order_id, exchange_order_id=event.exchange_order_id, at=at)
            case OrderOutcomeResolved():
                yield _RESOLVED.bind(order_id=event.order_id, exchange_order_id=event.exchange_order_id, at=at)
            case OrderOutcomeUnknown():
                yield _UNKNOWN.bind(order_id=event.order_id, action=event.action, at=at)
            case OrderCancelRequested():
                yield _CANCEL_REQUESTED.bind(order_id=event.order_id, at=at)
            case OrderCancelRefused():
                yield _CANCEL_REFUSED.bind(order_id=event.order_id, at=at)
            case OrderCompleted():
                yield _closed(event.order_id, OrderStatus.FILLED, recorded)
            case OrderCancelled():
                yield _closed(event.order_id, OrderStatus.CANCELLED, recorded)
            case OrderRejected():
                yield _closed(event.order_id, OrderStatus.FAILED, recorded, event.reason)
            case _:
                return


def _introduced(event: OrderPlaced | OrderRecorded, recorded: Recorded) -> Write:
    placed = isinstance(event, OrderPlaced)
    known: dict[str, Any] = (
        {
            "client_order_id": event.order_id,
            "position_action": event.position_action.value,
            "executor_id": event.executor_id,
            "exchange_order_id": None,
        }
        if isinstance(event, OrderPlaced)
        else {
            "client_order_id": event.client_order_id or event.order_id,
            "position_action": "OPEN",
            "executor_id": None,
            "exchange_order_id": event.exchange_order_id,
        }
    )
    return _INTRODUCE.bind(
        **known,
        order_id=event.order_id,
        external=not placed,
        account=event.account,
        connector=event.connector,
        trading_pair=event.trading_pair,
        side=event.side.value,
        order_type=event.order_type.value,
        amount=event.amount,
        price=event.price,
        created_at=recorded.recorded_at if isinstance(event, OrderPlaced) else event.time,
        at=recorded.recorded_at,
    )


def _filled(event: OrderFilled, recorded: Recorded) -> Write:
    return _FILL.bind(
        order_id=event.order_id,
        account=event.account,
        connector=event.connector,
        trading_pair=event.trading_pair,
        side=event.side.value,
        order_type=event.order_type.value,
        exchange_order_id=event.exchange_order_id,
        amount=event.amount,
        price=event.price,
        fee=event.fee,
        fee_tokens=[] if event.fee_token is None else [event.fee_token],
        at=recorded.recorded_at,
    )


def _closed(order_id: str, status: OrderStatus, recorded: Recorded, error_message: str | None = None) -> Write:
    return _CLOSED.bind(order_id=order_id, status=status.value, error_message=error_message, at=recorded.recorded_at)
