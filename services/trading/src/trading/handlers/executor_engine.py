"""The engine's executors as they are driven from here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Protocol

from contracts.rejections import Unavailable
from contracts.trading import CloseType, ExecutorClosed, ExecutorCreated, ExecutorProgressed, ExecutorStatus
from pydantic import JsonValue

from trading.adapters.executor_orders import Placed, Wanted
from trading.handlers.exchange import ExchangeSession


class Ended(Protocol):
    """An executor's object as far as its end and its state need it."""

    @property
    def status(self) -> ExecutorStatus:
        """How far it is."""
        ...

    @property
    def close_type(self) -> CloseType | None:
        """Why it ends or ended."""
        ...

    def refresh(self, order: Placed) -> None:
        """Bring its view of an order up to date without telling it."""

    def state(self) -> dict[str, JsonValue]:
        """Its state."""
        ...

    def figures(self) -> dict[str, Decimal]:
        """Its figures. Unavailable without a live price."""
        ...

    def custom_info(self) -> dict[str, JsonValue]:
        """What its class tells beside them."""
        ...


class LiveExecutor(Ended, Protocol):
    """The engine's executor, as far as it is driven from here."""

    async def begin(self) -> None:
        """The first step."""

    def restore(self, state: Mapping[str, JsonValue], orders: list[Placed]) -> None:
        """Go on where a state stood."""

    async def step(self) -> None:
        """One turn of its loop. Unavailable without a live price."""

    def early_stop(self, *, keep_position: bool) -> None:
        """Ask it to end."""

    def tell(self, kind: str, order: Placed | None, order_id: str, wanted: Wanted) -> None:
        """Tell it what happened to an order: created, filled, completed, cancelled, failed or lost."""


class ExecutorEngine(Protocol):
    """Builds the engine's executors."""

    async def follow(self, created: ExecutorCreated) -> None:
        """Have live prices of its markets. Unavailable when there are none in time."""

    async def leave(self, created: ExecutorCreated) -> None:
        """Its prices are needed no more."""

    def executor(
        self,
        created: ExecutorCreated,
        sessions: Mapping[str, ExchangeSession],
        place: Callable[[Wanted], str],
        cancel: Callable[[str], None],
    ) -> LiveExecutor:
        """An executor on these sessions by connector. Unavailable when a live price is missing."""
        ...

    async def rate(self, token: str, quote_token: str) -> Decimal | None:
        """A token's price in another one; None when none is known. Unavailable when no source answers."""
        ...


class Reopened:
    """Stands for an executor that was closed before its last order was: it ends again as it had ended."""

    def __init__(self, closed: ExecutorClosed, progress: ExecutorProgressed | None) -> None:
        self._closed = closed
        self._progress = progress

    @property
    def status(self) -> ExecutorStatus:
        """It is not driven any more."""
        return ExecutorStatus.TERMINATED

    @property
    def close_type(self) -> CloseType:
        """Why it ended."""
        return self._closed.close_type

    def refresh(self, order: Placed) -> None:
        """It has no view of its orders."""

    def state(self) -> dict[str, JsonValue]:
        """The last one it had."""
        return {} if self._progress is None else dict(self._progress.state)

    def figures(self) -> dict[str, Decimal]:
        """Those of its end, where its orders alone do not tell them."""
        return {
            "net_pnl_quote": self._closed.net_pnl_quote,
            "net_pnl_pct": self._closed.net_pnl_pct,
            "cum_fees_quote": self._closed.cum_fees_quote,
            "filled_amount_quote": self._closed.filled_amount_quote,
        }

    def custom_info(self) -> dict[str, JsonValue]:
        """What it told at its end."""
        return dict(self._closed.custom_info)


class Absent:
    """Stands for an executor whose object cannot be built or stepped, to end it all the same."""

    def __init__(self, progress: ExecutorProgressed | None) -> None:
        self._progress = progress

    @property
    def status(self) -> ExecutorStatus:
        """It is not driven any more."""
        return ExecutorStatus.TERMINATED

    @property
    def close_type(self) -> CloseType:
        """Somebody wished it to end."""
        return CloseType.EARLY_STOP

    def refresh(self, order: Placed) -> None:
        """It has no view of its orders."""

    def state(self) -> dict[str, JsonValue]:
        """The last one it had."""
        return {} if self._progress is None else dict(self._progress.state)

    def figures(self) -> dict[str, Decimal]:
        """It has none."""
        raise Unavailable("the executor's figures cannot be computed")

    def custom_info(self) -> dict[str, JsonValue]:
        """It tells nothing."""
        return {}
