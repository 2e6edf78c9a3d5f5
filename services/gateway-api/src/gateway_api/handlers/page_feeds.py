"""Answers that are watched as they are: one reading for all who ask the same."""

from __future__ import annotations

from collections.abc import Callable

from contracts.message import Metadata, Query

from gateway_api.handlers.executor_feeds import Asking, seconds_kept, trouble
from gateway_api.handlers.watches import Reading, Watch, Watches


class PageFeeds:
    """Opens watches of the owning services' answers."""

    def __init__(self, services: Asking, watches: Watches) -> None:
        self._services = services
        self._watches = watches

    def watch(self, query: Query, user: str, interval: float, news: Callable[[], None]) -> Watch[bytes]:
        """Watches the answer's JSON."""

        async def read() -> Reading[bytes]:
            answer = await self._services.query(query, Metadata(actor=user))
            return Reading(trouble(answer)) if answer.status >= 400 else Reading(answer.body, seconds_kept(answer))

        return self._watches.watch((PageFeeds, user, query), read, interval, news)
