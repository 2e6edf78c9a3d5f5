"""The engine, loaded when it is needed first: a service nobody asks costs little."""

from __future__ import annotations

from typing import Any

from engine_kit import public
from engine_kit.engine import Engine
from engine_kit.listing import Listing
from service_kit.flight import Flights


class Loading:
    """Gives the loaded engine and its connectors without keys, each made once."""

    def __init__(self, engine: Engine) -> None:
        """No I/O."""
        self._engine = engine
        self._starts: Flights[None] = Flights()
        self._public: dict[str, Any] = {}
        self._listings: dict[str, Listing] = {}

    @property
    def unloaded(self) -> Engine:
        """The engine, loaded or not."""
        return self._engine

    async def engine(self) -> Engine:
        """The engine; the first caller waits for some seconds while it is loaded in a thread."""
        if self._engine.pending() is not None:
            await self._starts.join("engine", self._engine.start)
        return self._engine

    async def public(self, connector: str) -> Any:
        """A connector without keys. ConnectorUnknown; Unavailable outside the venue or when a library is missing."""
        engine = await self.engine()
        if connector not in self._public:
            setting = public.setting_of(engine, connector)
            engine.venue.admit(connector)
            made = await public.made_public(setting)
            self._public.setdefault(connector, made)
        return self._public[connector]

    async def has(self, connector: str) -> bool:
        """Whether the engine has a connector of this name. Raises Unavailable outside the venue."""
        engine = await self.engine()
        engine.venue.admit(connector)
        return connector in engine.settings

    async def lists(self, connector: str, trading_pair: str) -> bool:
        """Whether the exchange lists a pair. Raises as `public`, and Unavailable when it cannot be reached."""
        made = await self.public(connector)
        listing = self._listings.setdefault(connector, Listing(made))
        return await listing.lists(trading_pair)

    async def stop(self) -> None:
        """Close the engine's transport."""
        if self._engine.pending() is None:
            await self._engine.stop()
