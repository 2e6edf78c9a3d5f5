"""The portfolio as it is now: the sessions' balances at the current prices."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from decimal import Decimal

from contracts.message import Metadata
from eventlog.log import EventLog

from accounts.domain.portfolio import Balance, Portfolio, SessionBalances, rated_tokens, valued
from accounts.handlers.prices import Prices
from accounts.views.portfolio import session_balances


class Valuation:
    """Values balances; it holds nothing itself, so no filter of one caller can be seen by another."""

    def __init__(self, log: EventLog, prices: Prices, banned_tokens: Collection[str]) -> None:
        self._log = log
        self._prices = prices
        self._banned = frozenset(banned_tokens)

    async def portfolio(
        self, metadata: Metadata, accounts: Sequence[str] | None = None, connectors: Sequence[str] | None = None
    ) -> Portfolio:
        """The portfolio of these accounts and connectors; None or nothing: all. Unknown names are left out."""
        return (await self.fresh(metadata, accounts, connectors))[0]

    async def fresh(
        self, metadata: Metadata, accounts: Sequence[str] | None = None, connectors: Sequence[str] | None = None
    ) -> tuple[Portfolio, float]:
        """The same, and for how many seconds its prices are new enough while no balance changes."""
        sessions = [
            SessionBalances(account, connector, tuple(Balance(t, Decimal(total), Decimal(free)) for t, total, free in rows))
            for account, connector, rows in await session_balances(self._log, accounts, connectors)
        ]
        tokens = rated_tokens(sessions, self._banned)
        prices = await self._prices.of(tokens, metadata)
        return valued(sessions, prices, self._banned), self._prices.fresh_for(tokens)
