"""Where candles come from and where they are kept, as the handlers need them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from market_data.adapters.candle import Row, Series, Told
from market_data.domain.spans import Span


class Live(Protocol):
    """A running stream of candles."""

    async def stop(self) -> None:
        """End it."""
        ...


class CandleSource(Protocol):
    """The exchanges. All raise Unavailable when one cannot be reached or gives no usable answer."""

    async def connectors(self) -> list[str]:
        """Those that have candles, sorted."""
        ...

    async def check(self, series: Series) -> None:
        """Raise ConnectorWithoutCandles, TradingPairNotListed or IntervalUnknown for what does not exist."""
        ...

    async def page(self, series: Series) -> int:
        """How many candles one answer holds at most."""
        ...

    async def fetch(self, series: Series, span: Span) -> list[Row]:
        """The candles that open in a span of one page, oldest first; the unfinished one is what it is now."""
        ...

    async def live(self, series: Series, told: Told) -> Live:
        """Stream the newest candle; a stream that breaks is made again."""
        ...


class CandleStore(Protocol):
    """Closed candles, kept for good."""

    async def covered(self, series: Series, span: Span) -> list[Span]:
        """The parts in which the store has all that the exchange has."""
        ...

    async def add(self, series: Series, rows: Sequence[Row], spans: Sequence[Span]) -> None:
        """Keep all candles of these spans, in place of those it had there; a process that dies leaves no file half written."""
        ...

    async def rows(self, series: Series, span: Span) -> list[Row]:
        """What is kept of a span, oldest first."""
        ...

    async def json(self, series: Series, span: Span) -> bytes:
        """The same as a JSON array of objects."""
        ...

    async def opens(self, series: Series, span: Span) -> list[int]:
        """When the candles kept of a span open."""
        ...

    async def kept(self) -> list[tuple[Series, int]]:
        """All series of which something is kept, with the bytes of their files."""
        ...
