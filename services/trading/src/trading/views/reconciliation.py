"""What executions add up to for each position of derivatives, the differences that were told, and pages of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from contracts.trading import OrderFilled, PositionSide, Side
from contracts.trading.position import PERPETUAL
from contracts.trading.reconciliation import DifferenceStatus, GetReconciliation, PositionAgreed, PositionDiffered
from eventlog.recorded import Recorded
from eventlog.statements import Statement, Write
from sqlalchemy import ARRAY, BigInteger, Boolean, Column, DateTime, Index, MetaData, Numeric, Table, Text, text

from trading.views.items import Items, plain, time
from trading.views.paging import Conditions, Rows, key_time, read_cursor

NET = "NET"
"""The side of a net position in the tables, where a key cannot be null."""

metadata = MetaData()

position_books = Table(
    "position_books",
    metadata,
    Column("account", Text, primary_key=True),
    Column("connector", Text, primary_key=True),
    Column("trading_pair", Text, primary_key=True),
    Column("side", Text, primary_key=True),
    Column("filled", Numeric, nullable=False),
    Column("external", Numeric, nullable=False),
    Column("executions", BigInteger, nullable=False),
    Column("last", DateTime(timezone=True), nullable=False),
)

position_differences = Table(
    "position_differences",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("account", Text, nullable=False),
    Column("connector", Text, nullable=False),
    Column("trading_pair", Text, nullable=False),
    Column("side", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("filled_amount", Numeric, nullable=False),
    Column("external_amount", Numeric, nullable=False),
    Column("held_before", Numeric, nullable=False),
    Column("exchange_amount", Numeric, nullable=False),
    Column("entry_price", Numeric),
    Column("reasons", ARRAY(Text), nullable=False),
    Column("executions", BigInteger, nullable=False),
    Column("last_trades", ARRAY(Text), nullable=False),
    Column("external_trades", ARRAY(Text), nullable=False),
    Column("trades_listed", Boolean, nullable=False),
    Column("exchange_time", DateTime(timezone=True)),
    Column("since", DateTime(timezone=True), nullable=False),
    Column("read_at", DateTime(timezone=True), nullable=False),
    Column("settled_at", DateTime(timezone=True)),
)

_KEY = ("account", "connector", "trading_pair", "side")
Index("position_differences_by_time", position_differences.c.read_at, position_differences.c.id)
Index(
    "position_differences_open",
    *(position_differences.c[name] for name in _KEY),
    unique=True,
    postgresql_where=text("status = 'OPEN'"),
)

# An order that was placed here is known before it is filled; every other execution is of an order placed elsewhere.
_BOOK = Statement(
    text(
        """INSERT INTO position_books (account, connector, trading_pair, side, filled, external, executions, last)
        SELECT :account, :connector, :trading_pair, :side,
            CASE WHEN own THEN CAST(:amount AS numeric) ELSE 0 END,
            CASE WHEN own THEN 0 ELSE CAST(:amount AS numeric) END, 1, :time
        FROM (SELECT EXISTS (SELECT FROM orders WHERE order_id = :order_id AND known AND NOT external) AS own) AS placed
        ON CONFLICT (account, connector, trading_pair, side) DO UPDATE SET filled = position_books.filled + excluded.filled,
            external = position_books.external + excluded.external, executions = position_books.executions + 1,
            last = greatest(position_books.last, excluded.last)"""
    )
)
_SETTLE = Statement(
    text(
        """UPDATE position_differences SET status = :status, settled_at = :at
        WHERE account = :account AND connector = :connector AND trading_pair = :trading_pair AND side = :side
            AND status = 'OPEN'"""
    )
)
_DIFFERED = Statement(
    text(
        """INSERT INTO position_differences (id, account, connector, trading_pair, side, status, filled_amount, external_amount,
            held_before, exchange_amount, entry_price, reasons, executions, last_trades, external_trades, trades_listed,
            exchange_time, since, read_at)
        VALUES (:id, :account, :connector, :trading_pair, :side, 'OPEN', :filled_amount, :external_amount, :held_before,
            :exchange_amount, :entry_price, :reasons, :executions, :last_trades, :external_trades, :trades_listed,
            :exchange_time, :since, :read_at)"""
    )
)


class ReconciliationView:
    """Projects executions on derivatives onto the books, and differences onto their rows. It reads the rows of orders."""

    name = "reconciliation"
    metadata = metadata

    def project(self, recorded: Recorded) -> Iterable[Write]:
        """The writes of an event; none for most."""
        event = recorded.event
        match event:
            case OrderFilled() if PERPETUAL in event.connector:
                yield _BOOK.bind(
                    account=event.account,
                    connector=event.connector,
                    trading_pair=event.trading_pair,
                    side=_side(event.position_side),
                    amount=event.amount if event.side is Side.BUY else -event.amount,
                    time=event.time,
                    order_id=event.order_id,
                )
            case PositionDiffered():
                yield _settled(event, recorded, DifferenceStatus.CHANGED)
                values = event.model_dump()
                yield _DIFFERED.bind(
                    **values
                    | {
                        "id": recorded.position,
                        "side": _side(event.side),
                        "reasons": [reason.value for reason in event.reasons],
                        "last_trades": list(event.last_trades),
                        "external_trades": list(event.external_trades),
                    }
                )
            case PositionAgreed():
                yield _settled(event, recorded, DifferenceStatus.AGREED)
            case _:
                return


def _settled(event: PositionDiffered | PositionAgreed, recorded: Recorded, status: DifferenceStatus) -> Write:
    return _SETTLE.bind(
        account=event.account,
        connector=event.connector,
        trading_pair=event.trading_pair,
        side=_side(event.side),
        status=status.value,
        at=recorded.recorded_at,
    )


def _side(side: PositionSide | None) -> str:
    return NET if side is None else side.value


@dataclass(frozen=True, slots=True)
class Executed:
    """An execution as evidence. `client_order_id` is None where its order is not known."""

    trade_id: str
    external: bool
    client_order_id: str | None


@dataclass(frozen=True, slots=True)
class BookRow:
    """What the executions of a pair that name this side add up to."""

    trading_pair: str
    side: PositionSide | None
    filled: Decimal
    external: Decimal
    executions: int
    last: datetime


class SessionBooks:
    """The executions of one account on one derivatives connector."""

    def __init__(self, rows: Rows, account: str, connector: str) -> None:
        self._rows = rows
        self._session = (account, connector)

    async def books(self) -> list[BookRow]:
        """What they add up to, for each pair and side. Raises Unavailable."""
        found = await self._rows.fetch(
            """SELECT trading_pair, side, filled, external, executions, last FROM position_books
            WHERE account = $1 AND connector = $2""",
            *self._session,
        )
        return [BookRow(row[0], None if row[1] == NET else PositionSide(row[1]), *row[2:]) for row in found]

    async def latest(self, trading_pair: str, limit: int, *, external: bool) -> list[Executed]:
        """The latest of a pair, newest first: all, or those of orders placed elsewhere. Raises Unavailable."""
        elsewhere = "AND (o.external OR NOT o.known)" if external else ""
        sql = f"""SELECT t.trade_id, o.external OR NOT o.known, o.client_order_id FROM trades t JOIN orders o USING (order_id)
            WHERE t.account = $1 AND t.connector = $2 AND t.trading_pair = $3 {elsewhere}
            ORDER BY t.time DESC, t.trade_id DESC LIMIT $4"""  # noqa: S608 - constants
        return [Executed(*row) for row in await self._rows.fetch(sql, *self._session, trading_pair, limit)]

    async def known_since(self) -> datetime | None:
        """When a session of the account first started here. Raises Unavailable."""
        found = await self._rows.fetch(
            "SELECT first_started_at FROM sessions WHERE account = $1 AND connector = $2", *self._session
        )
        return found[0][0] if found else None


ITEMS = Items(
    plain("difference_id", "id::text"),
    plain("account_name", "account"),
    plain("connector_name", "connector"),
    plain("trading_pair"),
    plain("side", f"nullif(side, '{NET}')"),
    plain("status"),
    plain("filled_amount", "filled_amount::text"),
    plain("external_amount", "external_amount::text"),
    plain("held_before", "held_before::text"),
    plain("exchange_amount", "exchange_amount::text"),
    plain("difference", "(exchange_amount - filled_amount)::text"),
    plain("unexplained", "(exchange_amount - filled_amount - external_amount - held_before)::text"),
    plain("entry_price", "entry_price::text"),
    plain("reasons"),
    plain("executions"),
    plain("last_trades"),
    plain("external_trades"),
    plain("trades_listed"),
    time("exchange_time"),
    time("since"),
    time("read_at"),
    time("settled_at"),
    key=("read_at", "difference_id"),
)


async def search_differences(rows: Rows, query: GetReconciliation) -> bytes:
    """A page of differences, newest first. Raises CursorInvalid."""
    filters = Conditions()
    filters.one_of("account", query.account_names)
    filters.one_of("connector", query.connector_names)
    filters.one_of("trading_pair", query.trading_pairs)
    filters.one_of("status", None if query.status is None else [query.status.value])
    counted: int | str = f"(SELECT count(*) FROM position_differences WHERE {filters.sql})"  # noqa: S608 - constants
    after = "true"
    if query.cursor is not None:
        place = read_cursor(query, query.cursor, 2)
        counted = place.total
        after = filters.bound("(read_at, id) < ({}, {})", key_time(place.key[0]), int(place.key[1]))
    source = f"FROM position_differences WHERE {filters.sql} AND {after} ORDER BY read_at DESC, id DESC"
    return await ITEMS.page(rows, query, query.limit, source, filters.args, counted)
