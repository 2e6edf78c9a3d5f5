"""Answers about the order books that are followed: one more, one less, how they are, and all anew."""

from __future__ import annotations

import asyncio
import json
from typing import Any, Protocol

from contracts.message import Metadata
from contracts.rejections import Rejection, Unavailable
from contracts.tracked_books import AddTradingPair, DiagnoseOrderBooks, RemoveTradingPair, RestartOrderBooks

from market_data.handlers.books import BookFeed, OrderBooks, book_name
from market_data.handlers.feeds import Feeds

NOT_FOLLOWED: dict[str, Any] = {
    "tracker_ready": False,
    "tasks": {},
    "trading_pairs": [],
    "order_books": {},
    "metrics": None,
    "websocket_status": "not_connected",
}


class Followed(Protocol):
    """The exchanges, as people look at them."""

    async def known(self, connector: str) -> None:
        """Raise MarketNotFound for a connector that does not exist."""
        ...

    def followed(self, connector: str) -> dict[str, Any] | None:
        """How the tracker of a connector is; None when there is none."""
        ...

    def trouble(self, connector: str, trading_pair: str) -> str | None:
        """Why a book cannot be served now."""
        ...


class TrackedBooks:
    """The books of `feeds`, by connector."""

    def __init__(self, markets: Followed, books: OrderBooks, feeds: Feeds) -> None:
        """No I/O."""
        self._markets = markets
        self._books = books
        self._feeds = feeds

    async def add(self, query: AddTradingPair, _metadata: Metadata) -> bytes:
        """Return when the book is live."""
        try:
            async with asyncio.timeout(query.timeout):
                await self._books.follow(query.connector, query.trading_pair)
        except TimeoutError as error:
            msg = f"The order book of {query.trading_pair} on {query.connector} is not live within {query.timeout:g} seconds"
            raise Unavailable(msg, retry_after=5) from error
        return _changed(query, f"Trading pair {query.trading_pair} is followed on {query.connector}", success=True)

    async def remove(self, query: RemoveTradingPair, _metadata: Metadata) -> bytes:
        """Return when the book is followed no longer."""
        if await self._feeds.close(book_name(query.connector, query.trading_pair)):
            return _changed(
                query, f"Trading pair {query.trading_pair} is not followed on {query.connector} any more", success=True
            )
        return _changed(query, f"Trading pair {query.trading_pair} is not followed on {query.connector}", success=False)

    async def diagnose(self, query: DiagnoseOrderBooks, _metadata: Metadata) -> bytes:
        """How it is now."""
        await self._markets.known(query.connector)
        found = self._markets.followed(query.connector)
        told = {**NOT_FOLLOWED, **(found or {})}
        for pair, book in told["order_books"].items():
            trouble = self._markets.trouble(query.connector, pair)
            if trouble is not None:
                book["error"] = trouble
        head = {"connector_type": "data", "connector_name": query.connector, "has_order_book_tracker": found is not None}
        return json.dumps({**head, **told}).encode()

    async def restart(self, query: RestartOrderBooks, _metadata: Metadata) -> bytes:
        """Close all books of the connector, which ends its tracker, and follow them anew."""
        await self._markets.known(query.connector)
        feeds: list[BookFeed] = [feed for feed in self._feeds.of_kind(BookFeed) if feed.connector == query.connector]
        if not feeds:
            return json.dumps({"success": False, "error": f"No order books of {query.connector} are followed"}).encode()
        await asyncio.gather(*(self._feeds.close(feed.name) for feed in feeds))
        failures: dict[str, str] = {}

        async def begin(feed: BookFeed) -> None:
            try:
                await self._books.follow(query.connector, feed.trading_pair)
            except (Rejection, Unavailable) as failure:
                failures[feed.trading_pair] = failure.detail

        await asyncio.gather(*(begin(feed) for feed in feeds))
        back = [feed.trading_pair for feed in feeds if feed.trading_pair not in failures]
        message = f"{len(back)} of {len(feeds)} order books of {query.connector} are live"
        told: dict[str, Any] = {"success": not failures, "trading_pairs": sorted(back), "message": message}
        if failures:
            told["error"] = "; ".join(f"{pair}: {reason}" for pair, reason in sorted(failures.items()))
        return json.dumps(
            {**told, "message": f"{len(back)} of {len(feeds)} order books of {query.connector} are live"}
        ).encode()


def _changed(query: AddTradingPair | RemoveTradingPair, message: str, *, success: bool) -> bytes:
    return json.dumps(
        {"success": success, "connector_name": query.connector, "trading_pair": query.trading_pair, "message": message}
    ).encode()
