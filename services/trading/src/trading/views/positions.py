"""The positions table: what each derivatives session last reported, and pages of positions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from contracts.trading import GetPositions, Position, PositionSide, PositionsReported
from contracts.trading.position import PERPETUAL
from eventlog.recorded import Recorded
from eventlog.statements import Statement, Write
from pydantic_core import to_json
from sqlalchemy import Column, DateTime, MetaData, Numeric, Table, Text, text

from trading.views.paging import Conditions, Place, Rows, envelope, read_cursor

type Session = tuple[str, str]
"""Account and connector."""

metadata = MetaData()

positions = Table(
    "positions",
    metadata,
    Column("account", Text, primary_key=True),
    Column("connector", Text, primary_key=True),
    Column("trading_pair", Text, primary_key=True),
    Column("side", Text, primary_key=True),
    Column("amount", Numeric, nullable=False),
    Column("entry_price", Numeric),
    Column("unrealized_pnl", Numeric),
    Column("leverage", Numeric),
    Column("margin", Numeric),
    Column("updated_at", DateTime(timezone=True), nullable=False),
)

KEY = ("account_name", "connector_name", "trading_pair", "side")
"""What tells a position's place among others."""

_DELETE = Statement(text("DELETE FROM positions WHERE account = :account AND connector = :connector"))
_INSERT = Statement(
    text(
        """INSERT INTO positions (account, connector, trading_pair, side, amount, entry_price, unrealized_pnl, leverage, margin,
            updated_at)
        VALUES (:account, :connector, :trading_pair, :side, :amount, :entry_price, :unrealized_pnl, :leverage, :margin, :at)"""
    )
)


class PositionsView:
    """Projects `PositionsReported`: the rows of a session are those of its last report."""

    name = "positions"
    metadata = metadata

    def project(self, recorded: Recorded) -> Iterable[Write]:
        """The rows of a report; nothing for other events."""
        event = recorded.event
        if not isinstance(event, PositionsReported):
            return
        yield _DELETE.bind(account=event.account, connector=event.connector)
        for held in event.positions:
            yield _INSERT.bind(
                account=event.account,
                connector=event.connector,
                trading_pair=held.trading_pair,
                side=held.side.value,
                amount=held.amount,
                entry_price=held.entry_price,
                unrealized_pnl=held.unrealized_pnl,
                leverage=held.leverage,
                margin=held.margin,
                at=recorded.recorded_at,
            )


async def position_sessions(rows: Rows, query: GetPositions) -> list[Session]:
    """The derivatives sessions that have a credential and match the query's filters."""
    conditions = Conditions()
    conditions.add("connector LIKE '%' || {} || '%'", PERPETUAL)
    conditions.one_of("account", query.account_names)
    conditions.one_of("connector", query.connector_names)
    sql = f"SELECT account, connector FROM credentials WHERE {conditions.sql} ORDER BY account, connector"  # noqa: S608
    return [(row[0], row[1]) for row in await rows.fetch(sql, *conditions.args)]


async def last_known(rows: Rows, sessions: Sequence[Session]) -> dict[Session, tuple[Position, ...]]:
    """What the sessions last reported."""
    accounts, connectors = [account for account, _ in sessions], [connector for _, connector in sessions]
    found = await rows.fetch(
        """SELECT account, connector, trading_pair, side, amount, entry_price, unrealized_pnl, leverage, margin FROM positions
        WHERE (account, connector) IN (SELECT * FROM unnest($1::text[], $2::text[]))""",
        accounts,
        connectors,
    )
    known: dict[Session, tuple[Position, ...]] = dict.fromkeys(sessions, ())
    for account, connector, pair, side, amount, entry, profit, leverage, margin in found:
        held = Position(
            trading_pair=pair,
            side=PositionSide(side),
            amount=amount,
            entry_price=entry,
            unrealized_pnl=profit,
            leverage=leverage,
            margin=margin,
        )
        known[account, connector] += (held,)
    return known


def position_page(query: GetPositions, held: Mapping[Session, Sequence[Position]]) -> bytes:
    """A page by account, connector, pair and side, the cursor's key: a hedged pair has two rows. Raises CursorInvalid."""
    found = [_item(session, each) for session, positions in held.items() for each in positions if each.amount]
    found.sort(key=_place)
    place = Place([], len(found)) if query.cursor is None else read_cursor(query, query.cursor, len(KEY))
    rest = [to_json(item).decode() for item in found if _place(item) > place.key]
    return envelope(query, query.limit, rest[: query.limit + 1], KEY, place.total)


def _place(item: Mapping[str, Any]) -> list[str]:
    return [item[name] for name in KEY]


def _item(session: Session, held: Position) -> dict[str, Any]:
    account, connector = session
    return {
        "account_name": account,
        "connector_name": connector,
        "trading_pair": held.trading_pair,
        "side": held.side.value,
        "amount": float(held.amount),
        "entry_price": _number(held.entry_price),
        "unrealized_pnl": _number(held.unrealized_pnl),
        "leverage": _number(held.leverage),
    }


def _number(value: Decimal | None) -> float | None:
    return None if value is None else float(value)
