"""Live order books of the engine, as exact numbers."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from contracts.accounts import ConnectorUnknown
from contracts.market_data import MarketNotFound
from contracts.rejections import Unavailable
from engine_kit.asking import asked
from engine_kit.books import Books

from market_data.adapters.fresh import Fresh
from market_data.adapters.loading import Loading
from market_data.adapters.prints import Prints

type Level = tuple[Decimal, Decimal]

FRESH_SECONDS = 1.0


class EngineMarkets:
    """Order books that are followed, and prices and funding that are asked for and kept for a second."""

    def __init__(self, loading: Loading) -> None:
        """No I/O."""
        self._loading = loading
        self._books = Books(loading.unloaded)
        self._prices: Fresh[Decimal] = Fresh(FRESH_SECONDS)
        self._funding: Fresh[Any] = Fresh(FRESH_SECONDS)

    async def check(self, connector: str, trading_pair: str) -> None:
        """MarketNotFound for what does not exist; Unavailable outside the venue, or when the exchange cannot be reached."""
        try:
            listed = await self._loading.lists(connector, trading_pair)
        except ConnectorUnknown as unknown:
            raise MarketNotFound(str(unknown), field="connector_name") from unknown
        if not listed:
            raise MarketNotFound(f"'{connector}' does not list the trading pair {trading_pair}", field="trading_pair")

    async def known(self, connector: str) -> None:
        """MarketNotFound for a connector the engine does not have; Unavailable outside the venue."""
        try:
            await self._loading.public(connector)
        except ConnectorUnknown as unknown:
            raise MarketNotFound(str(unknown), field="connector_name") from unknown

    def followed(self, connector: str) -> dict[str, Any] | None:
        """How the connector's tracker is; None when no book of it is followed."""
        return self._books.followed(connector)

    async def follow(self, connector: str, trading_pair: str) -> None:
        """Return when the book is live. Unavailable."""
        await self._loading.engine()
        await self._books.follow(connector, [trading_pair])

    async def leave(self, connector: str, trading_pair: str) -> None:
        """The book is not needed any more."""
        await self._books.leave(connector, [trading_pair])

    def version(self, connector: str, trading_pair: str) -> tuple[int, int]:
        """Changes with the book. Unavailable when it is not live, out of date, empty or crossed."""
        book = self._books.book(connector, trading_pair)
        return int(book.snapshot_uid), int(book.last_diff_uid)

    def levels(self, connector: str, trading_pair: str, *, asks: bool) -> Iterator[Level]:
        """Price and amount, best first; to be read at once. Unavailable as `version`.

        The engine keeps doubles; their shortest text is what the exchange wrote.
        """
        book = self._books.book(connector, trading_pair)
        rows = book.ask_entries() if asks else book.bid_entries()
        return ((Decimal(repr(row.price)), Decimal(repr(row.amount))) for row in rows)

    def trades(self, connector: str, trading_pair: str) -> Prints:
        """Gathers the trades of a followed book from now on."""
        return Prints(lambda: self._books.book(connector, trading_pair))

    def trouble(self, connector: str, trading_pair: str) -> str | None:
        """Why the book cannot be served now, or None."""
        try:
            self._books.book(connector, trading_pair)
        except Unavailable as why:
            return why.detail
        return None

    async def price(self, connector: str, trading_pair: str) -> Decimal:
        """The last traded price: of the followed book, else asked for. Unavailable."""
        if self.trouble(connector, trading_pair) is None:
            last = Decimal(repr(float(self._books.book(connector, trading_pair).last_trade_price)))
            if last.is_finite() and last > 0:
                return last
        return await self._prices.of(f"{connector} {trading_pair}", lambda: self._asked_price(connector, trading_pair))

    async def funding(self, connector: str, trading_pair: str) -> dict[str, Decimal]:
        """Rate, mark and index price, and the next time of payment (Unix seconds) of a perpetual. Unavailable."""
        found = await self._funding.of(f"{connector} {trading_pair}", lambda: self._asked_funding(connector, trading_pair))
        return {
            "funding_rate": Decimal(str(found.rate)),
            "next_funding_time": Decimal(str(found.next_funding_utc_timestamp)),
            "mark_price": Decimal(str(found.mark_price)),
            "index_price": Decimal(str(found.index_price)),
        }

    async def stop(self) -> None:
        """Close all books."""
        await self._books.stop()

    async def _asked_price(self, connector: str, trading_pair: str) -> Decimal:
        made = await self._loading.public(connector)
        last = Decimal(str(await asked(made._get_last_traded_price(trading_pair))))
        if not last.is_finite() or last <= 0:
            raise Unavailable(f"'{connector}' gives no last price of {trading_pair}", retry_after=5)
        return last

    async def _asked_funding(self, connector: str, trading_pair: str) -> Any:
        made = await self._loading.public(connector)
        return await asked(made.order_book_tracker.data_source.get_funding_info(trading_pair))
