"""The read side of orders, trades and sessions."""

from __future__ import annotations

from contracts.message import Metadata
from contracts.trading import ActiveOrders, GetSession, SearchOrders, SearchTrades
from service_kit.changes import Keepable

from trading.views.order_pages import active_orders, search_orders
from trading.views.paging import Rows
from trading.views.sessions import session_state
from trading.views.trade_pages import search_trades


class Queries:
    """Answers with the final JSON; pages may be kept until something is committed."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    async def active_orders(self, query: ActiveOrders, _metadata: Metadata) -> Keepable:
        """A page of open orders."""
        return Keepable(await active_orders(self._rows, query))

    async def search_orders(self, query: SearchOrders, _metadata: Metadata) -> Keepable:
        """A page of orders."""
        return Keepable(await search_orders(self._rows, query))

    async def search_trades(self, query: SearchTrades, _metadata: Metadata) -> Keepable:
        """A page of executions."""
        return Keepable(await search_trades(self._rows, query))

    async def session(self, query: GetSession, _metadata: Metadata) -> bytes:
        """How a session is doing. Refused: AccountUnknown, CredentialUnknown."""
        return (await session_state(self._rows, query)).model_dump_json().encode()
