"""The funding_payments table, and SearchFundingPayments: the final JSON of contract 8.5."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from contracts.trading import FundingPaid, SearchFundingPayments
from contracts.trading.funding import FundingShared
from eventlog.recorded import Recorded
from eventlog.statements import Statement, Write
from sqlalchemy import BigInteger, Boolean, Column, DateTime, Index, MetaData, Numeric, Table, Text, text

from trading.views.items import Items, number, plain, time
from trading.views.paging import Conditions, Rows, key_time, read_cursor

metadata = MetaData()

funding_payments = Table(
    "funding_payments",
    metadata,
    Column("account", Text, primary_key=True),
    Column("connector", Text, primary_key=True),
    Column("trading_pair", Text, primary_key=True),
    Column("exchange_funding_id", Text, primary_key=True),
    Column("id", BigInteger, nullable=False),
    Column("funding_payment_id", Text, nullable=False),
    Column("amount", Numeric, nullable=False),
    Column("token", Text, nullable=False),
    Column("rate", Numeric),
    Column("position_amount", Numeric),
    Column("time", DateTime(timezone=True), nullable=False),
    Column("shared", Boolean, nullable=False, server_default="false"),
)

Index("funding_payments_by_time", funding_payments.c.time, funding_payments.c.funding_payment_id)
Index(
    "funding_payments_by_session",
    *(funding_payments.c[each] for each in ("account", "connector", "time", "funding_payment_id")),
)
Index(
    "funding_payments_waiting",
    *(funding_payments.c[each] for each in ("account", "connector")),
    postgresql_where=text("NOT shared"),
)
Index("funding_payments_by_pair", *(funding_payments.c[each] for each in ("trading_pair", "time", "funding_payment_id")))

_INSERT = Statement(
    text(
        """INSERT INTO funding_payments (account, connector, trading_pair, exchange_funding_id, id, funding_payment_id, amount,
            token, rate, position_amount, time)
        VALUES (:account, :connector, :trading_pair, :exchange_funding_id, :id, :funding_payment_id, :amount, :token,
            :rate, :position_amount, :time)"""
    )
)
_SHARED = Statement(
    text(
        """UPDATE funding_payments SET shared = true WHERE account = :account AND connector = :connector
            AND trading_pair = :trading_pair AND exchange_funding_id = :exchange_funding_id"""
    )
)

ITEMS = Items(
    plain("id"),
    plain("funding_payment_id"),
    time("timestamp", "time"),
    plain("account_name", "account"),
    plain("connector_name", "connector"),
    plain("trading_pair"),
    number("funding_rate", "rate"),
    number("funding_payment", "amount"),
    plain("fee_currency", "token"),
    number("position_size", "abs(position_amount)"),
    plain("position_side", "CASE WHEN position_amount > 0 THEN 'LONG' WHEN position_amount < 0 THEN 'SHORT' END"),
    plain("exchange_funding_id"),
    key=("timestamp", "funding_payment_id"),
)


class FundingView:
    """Projects `FundingPaid`, which each payment's stream has once, and that it was shared."""

    name = "funding"
    metadata = metadata

    def project(self, recorded: Recorded) -> Iterable[Write]:
        """The row of a payment, numbered by its place in the log, and its mark; nothing for other events."""
        event = recorded.event
        if isinstance(event, FundingPaid):
            yield _INSERT.bind(
                account=event.account,
                connector=event.connector,
                trading_pair=event.trading_pair,
                exchange_funding_id=event.exchange_funding_id,
                id=recorded.position,
                funding_payment_id="_".join((event.account, event.connector, event.trading_pair, event.exchange_funding_id)),
                amount=event.amount,
                token=event.token,
                rate=event.rate,
                position_amount=event.position_amount,
                time=event.time,
            )
        elif isinstance(event, FundingShared):
            yield _SHARED.bind(
                account=event.account,
                connector=event.connector,
                trading_pair=event.trading_pair,
                exchange_funding_id=event.exchange_funding_id,
            )


async def paid_until(rows: Rows, account: str, connector: str) -> datetime | None:
    """The time of the session's last known payment; without one that of its first start; None when it never ran."""
    found = await rows.fetch(
        """SELECT coalesce((SELECT max(time) FROM funding_payments WHERE account = $1 AND connector = $2),
            (SELECT first_started_at FROM sessions WHERE account = $1 AND connector = $2))""",
        account,
        connector,
    )
    until: datetime | None = found[0][0]
    return until


async def paid_since(rows: Rows, account: str, connector: str, since: datetime) -> set[tuple[str, str]]:
    """Pair and exchange id of the payments known from that time on."""
    found = await rows.fetch(
        "SELECT trading_pair, exchange_funding_id FROM funding_payments WHERE account = $1 AND connector = $2 AND time >= $3",
        account,
        connector,
        since,
    )
    return {(row[0], row[1]) for row in found}


async def search_funding(rows: Rows, query: SearchFundingPayments) -> bytes:
    """A page of funding payments, newest first by the exchange's time. Raises CursorInvalid."""
    filters = Conditions()
    filters.one_of("account", query.account_names)
    filters.one_of("connector", query.connector_names)
    filters.one_of("trading_pair", [query.trading_pair] if query.trading_pair else None)
    matching = f"{filters.sql} AND {filters.between('time', query.start_time, query.end_time)}"
    counted: int | str = f"(SELECT count(*) FROM funding_payments WHERE {matching})"  # noqa: S608 - constants
    after = "true"
    if query.cursor is not None:
        place = read_cursor(query, query.cursor, 2)
        counted = place.total
        after = filters.bound("(time, funding_payment_id) < ({}, {})", key_time(place.key[0]), place.key[1])
    source = f"FROM funding_payments WHERE {matching} AND {after} ORDER BY time DESC, funding_payment_id DESC"
    return await ITEMS.page(rows, query, query.limit, source, filters.args, counted)
