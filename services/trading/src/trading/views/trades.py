"""The trades table: one row per execution, whatever became of its order."""

from __future__ import annotations

from collections.abc import Iterable

from contracts.trading import OrderFilled
from eventlog.recorded import Recorded
from eventlog.statements import Statement, Write
from sqlalchemy import Boolean, Column, DateTime, Index, MetaData, Numeric, Table, Text, insert

metadata = MetaData()

trades = Table(
    "trades",
    metadata,
    Column("order_id", Text, primary_key=True),
    Column("exchange_trade_id", Text, primary_key=True),
    Column("trade_id", Text, nullable=False),
    Column("exchange_order_id", Text),
    Column("account", Text, nullable=False),
    Column("connector", Text, nullable=False),
    Column("trading_pair", Text, nullable=False),
    Column("side", Text, nullable=False),
    Column("order_type", Text, nullable=False),
    Column("amount", Numeric, nullable=False),
    Column("price", Numeric, nullable=False),
    Column("fee", Numeric, nullable=False),
    Column("fee_token", Text),
    Column("is_maker", Boolean),
    Column("time", DateTime(timezone=True), nullable=False),
)


def _index(name: str, *columns: str) -> None:
    Index(f"trades_by_{name}", *(trades.c[column] for column in (*columns, "time", "trade_id")))


_index("time")
_index("account", "account")
_index("connector", "connector")
_index("pair", "trading_pair")
_index("side", "side")
_index("session", "account", "connector", "trading_pair")
_index("session_time", "account", "connector")

_INSERT = Statement(insert(trades))


class TradesView:
    """Projects `OrderFilled`; the order's stream has each exchange trade id once."""

    name = "trades"
    metadata = metadata

    def project(self, recorded: Recorded) -> Iterable[Write]:
        """The row of a fill; nothing for other events."""
        event = recorded.event
        if isinstance(event, OrderFilled):
            yield _INSERT.bind(
                order_id=event.order_id,
                exchange_trade_id=event.trade_id,
                trade_id=f"{event.order_id}_{event.trade_id}",
                exchange_order_id=event.exchange_order_id,
                account=event.account,
                connector=event.connector,
                trading_pair=event.trading_pair,
                side=event.side.value,
                order_type=event.order_type.value,
                amount=event.amount,
                price=event.price,
                fee=event.fee,
                fee_token=event.fee_token,
                is_maker=event.is_maker,
                time=event.time,
            )
