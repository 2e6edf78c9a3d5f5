"""The read side of positions and funding. Positions are this moment's, or the last known where a session does not answer."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import Any

from contracts import naming
from contracts.message import Metadata
from contracts.rejections import Rejection, Unavailable
from contracts.trading import (
    GetPositions,
    OrderOutcomeUnknown,
    Position,
    PositionsRead,
    ReadPositions,
    SearchFundingPayments,
)
from contracts.trading.reconciliation import GetReconciliation
from eventlog.log import EventLog
from service_kit.bus import Bus, InternalError

from trading.handlers.live import order_stream
from trading.views.funding import search_funding
from trading.views.positions import Session, last_known, position_page, position_sessions
from trading.views.reconciliation import search_differences
from trading.views.unknown_orders import unknown_rows

logger = logging.getLogger(__name__)

ASK_SECONDS = 5.0
"""How long a page of positions waits for the slowest session."""

UNANSWERED = (Rejection, Unavailable, InternalError)


class PositionQueries:
    """Answers with the final JSON."""

    def __init__(self, log: EventLog, bus: Bus) -> None:
        self._log = log
        self._bus = bus

    async def positions(self, query: GetPositions, metadata: Metadata) -> bytes:
        """A page of positions, and which sessions' are only the last known. Refused: CursorInvalid."""
        sessions = await position_sessions(self._log, query)
        answers = await asyncio.gather(*(self._ask(session, metadata) for session in sessions))
        held = {session: answer for session, answer in zip(sessions, answers, strict=True) if answer is not None}
        silent = [session for session in sessions if session not in held]
        if silent:
            held |= await last_known(self._log, silent)
        page = position_page(query, held)
        names = json.dumps([".".join(session) for session in silent]).encode()
        return b'{"page":' + page + b',"last_known":' + names + b"}"

    async def funding(self, query: SearchFundingPayments, metadata: Metadata) -> bytes:
        """A page of funding payments. Refused: CursorInvalid."""
        return await search_funding(self._log, query)

    async def reconciliation(self, query: GetReconciliation, metadata: Metadata) -> bytes:
        """A page of differences between executions and positions, and the orders that are unknown. Refused: CursorInvalid."""
        page = await search_differences(self._log, query)
        count, rows = await unknown_rows(self._log, query)
        unknown = json.dumps([await self._with_evidence(row) for row in rows]).encode()
        return page[:-1] + b',"unknown_orders_count":%d,"unknown_orders":' % count + unknown + b"}"

    async def _with_evidence(self, row: dict[str, Any]) -> dict[str, Any]:
        """An order with why it is unknown, and since when."""
        recorded = await self._log.read(order_stream(row["order_id"]))
        last = next((one for one in reversed(recorded) if isinstance(one.event, OrderOutcomeUnknown)), None)
        reason = last.event.reason if last is not None and isinstance(last.event, OrderOutcomeUnknown) else None
        times = {name: row[name].isoformat() for name in ("created_at", "updated_at")}
        return row | {"reason": reason, "since": None if last is None else last.recorded_at.isoformat()} | times

    async def _ask(self, session: Session, metadata: Metadata) -> tuple[Position, ...] | None:
        """The session's positions now; None when it does not tell."""
        account, connector = session
        subject = naming.session_command_subject(account, connector, ReadPositions)
        command = ReadPositions(account=account, connector=connector)
        try:
            read = await self._bus.command(command, PositionsRead, metadata.caused(), subject=subject, timeout=ASK_SECONDS)
        except UNANSWERED as error:
            logger.info("positions were not told: %s", error, extra={"account": account, "connector": connector})
            return None
        return read.positions
