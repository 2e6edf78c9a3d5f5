"""RefreshPortfolio: read balances from the exchanges now, instead of waiting for the sessions to report them."""

from __future__ import annotations

import asyncio
from typing import Protocol

from contracts.accounts import PortfolioRefreshed, RefreshPortfolio
from contracts.message import Metadata
from contracts.rejections import Rejection, Unavailable
from contracts.trading import BalancesRead
from eventlog.log import EventLog

from accounts.views.credentials import credentialed
from accounts.views.portfolio import taken_over


class Sessions(Protocol):
    """The running sessions."""

    async def refresh_balances(self, account: str, connector: str, metadata: Metadata) -> BalancesRead:
        """The session's balances, read from its exchange now. Raises Unavailable, also when no session runs."""
        ...


class Refresh:
    """The handler of RefreshPortfolio."""

    def __init__(self, log: EventLog, sessions: Sessions) -> None:
        self._log = log
        self._sessions = sessions

    async def refresh_portfolio(self, command: RefreshPortfolio, metadata: Metadata) -> PortfolioRefreshed:
        """Refresh all matching sessions side by side; one that fails keeps its last known balances and is named."""
        wanted = await credentialed(self._log, command.account_names, command.connector_names)
        reasons = await asyncio.gather(*(self._refresh(account, connector, metadata) for account, connector in wanted))
        outcomes = {f"{account}.{connector}": reason for (account, connector), reason in zip(wanted, reasons, strict=True)}
        return PortfolioRefreshed(
            refreshed=tuple(session for session, reason in outcomes.items() if reason is None),
            failed={session: reason for session, reason in outcomes.items() if reason is not None},
        )

    async def _refresh(self, account: str, connector: str, metadata: Metadata) -> str | None:
        """Why the session could not be refreshed; None when it was."""
        try:
            read = await self._sessions.refresh_balances(account, connector, metadata)
        except (Rejection, Unavailable) as error:
            return error.detail
        # Not left to the event alone: the caller's next query must see what was read.
        write = taken_over(read)
        await self._log.fetch(write.sql, *write.args)
        return None
