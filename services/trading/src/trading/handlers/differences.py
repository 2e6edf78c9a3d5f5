"""Differences between our executions and the exchange's positions: told once they last, with what proves them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from contracts.message import utc_now
from contracts.trading import Position, PositionMode
from contracts.trading.reconciliation import DifferenceReason
from eventlog.execute import load

from trading.domain.reconciliation import Book, Comparison, Looks, RecordComparison, compare
from trading.domain.session import SESSION
from trading.handlers.exchange import Derivative
from trading.handlers.live import Live, session_stream
from trading.views.reconciliation import BookRow, SessionBooks

LAST_TRADES, EXTERNAL_TRADES = 5, 20
"""How many executions a difference names."""


class Differences:
    """Compares the positions of one session, look after look."""

    def __init__(self, live: Live) -> None:
        self._live = live
        self._books = SessionBooks(live.log, live.account, live.connector)
        self._looks: Looks | None = None

    @property
    def suspected(self) -> bool:
        """Whether a difference was seen that may turn out to be an execution on its way."""
        return self._looks is not None and bool(self._looks.seen)

    async def read(self, derivative: Derivative) -> list[Position]:
        """The exchange's positions, compared. Raises Unavailable."""
        before = await self._books.books()
        positions = await derivative.positions()
        read_at = utc_now()
        # What was executed while the exchange was asked is in its answer or not; such a pair is compared at the next look.
        after = await self._books.books()
        moved = {book.trading_pair for book in set(before) ^ set(after)}
        await self._look(derivative, after, positions, read_at, moved)
        return positions

    async def _look(
        self,
        derivative: Derivative,
        books: Sequence[BookRow],
        positions: Sequence[Position],
        read_at: datetime,
        moved: set[str],
    ) -> None:
        looks, live = await self._begun(), self._live
        hedged = derivative.mode is PositionMode.HEDGE
        compared = [each for each in compare(_books(books), positions, looks.told, hedged=hedged) if each.key[0] not in moved]
        for lasting in looks.look(compared, read_at, live.trades_read):
            await self._tell(derivative, looks, lasting, read_at)
        unread = {pair for pair, _ in looks.seen if not self._asked(looks, pair)}
        if unread:
            live.pairs.update(unread)
            live.reconcile_now.set()

    def _asked(self, looks: Looks, pair: str) -> bool:
        """Whether the exchange was asked for the pair's executions since a difference was seen."""
        read = self._live.trades_read.get(pair)
        return read is not None and all(read > seen.since for key, seen in looks.seen.items() if key[0] == pair)

    async def _begun(self) -> Looks:
        if self._looks is None:
            live = self._live
            state, _ = await load(live.log, SESSION, session_stream(live.account, live.connector))
            known = await self._books.known_since()
            self._looks = Looks(timedelta(seconds=live.pace.settle), known, dict(state.differences))
        return self._looks

    async def _tell(self, derivative: Derivative, looks: Looks, compared: Comparison, read_at: datetime) -> None:
        live, (pair, side), before = self._live, compared.key, looks.before(compared.key)
        last = await self._books.latest(pair, LAST_TRADES, external=False)
        elsewhere = await self._books.latest(pair, EXTERNAL_TRADES, external=True) if compared.external else []
        causes = {derivative.cause_of(each.client_order_id or "") for each in elsewhere}
        if before:
            causes.add(DifferenceReason.HELD_BEFORE)
        command = RecordComparison(
            account=live.account,
            connector=live.connector,
            trading_pair=pair,
            side=side,
            filled_amount=compared.filled,
            external_amount=compared.external,
            held_before=before,
            exchange_amount=compared.held,
            entry_price=compared.entry_price,
            reasons=tuple(sorted(causes)),
            executions=compared.executions,
            last_trades=tuple(each.trade_id for each in last),
            external_trades=tuple(each.trade_id for each in elsewhere),
            trades_listed=live.trades_listed,
            exchange_time=compared.changed_at,
            since=looks.seen.pop(compared.key).since,
            read_at=read_at,
        )
        looks.told = dict((await live.record_session(command)).state.differences)


def _books(rows: Sequence[BookRow]) -> list[Book]:
    return [Book(row.trading_pair, row.side, row.filled, row.external, row.executions, row.last) for row in rows]
