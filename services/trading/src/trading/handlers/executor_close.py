"""The end of an executor: nothing it opened stays on the exchange unless somebody wants to keep it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Mapping
from decimal import Decimal
from itertools import count
from typing import Protocol

from contracts.message import utc_now
from contracts.rejections import Unavailable
from contracts.trading import CloseType, ExecutorCreated
from pydantic import JsonValue

from trading.adapters.executor_orders import Placed, Wanted
from trading.domain.executor import Close, Executor, ExecutorCommand, FailStop
from trading.domain.executor_result import CLOSING, PAIRED, earned, fills, residue
from trading.handlers.executor_orders import OrderBook, Post, shown

logger = logging.getLogger(__name__)

LOOK_SECONDS = 2.0
LONGEST_PAUSE = 60.0


class Ended(Protocol):
    """The engine's executor after its end."""

    @property
    def close_type(self) -> CloseType | None:
        """Why it ended."""
        ...

    def refresh(self, order: Placed) -> None:
        """Bring its view of an order up to date."""

    def figures(self) -> dict[str, Decimal]:
        """Its figures."""
        ...

    def custom_info(self) -> dict[str, JsonValue]:
        """What its class tells beside them."""
        ...


class Closing:
    """Cancels what is open, closes what is left of a position, and sums up."""

    def __init__(
        self,
        created: ExecutorCreated,
        orders: OrderBook,
        posts: Mapping[str, Post],
        store: Callable[[], Awaitable[None]],
    ) -> None:
        """`store` keeps what is asked for and sends it."""
        self._created = created
        self._orders = orders
        self._posts = posts
        self._store = store

    async def finish(self, executor: Ended, state: Executor, record: Callable[[ExecutorCommand], Awaitable[None]]) -> Close:
        """Return the last fact about the executor once none of its orders is open and nothing is left unattended."""
        await self._look_at_all(state)
        await self._cancel_open()
        keep = executor.close_type is CloseType.POSITION_HOLD or (state.stop is not None and state.stop.keep_position)
        reason = None if keep else await self._close_rest(record)
        for each in self._orders.pictures.values():
            executor.refresh(shown(each))
        return self._summed_up(executor, reason, keep=keep)

    async def _look_at_all(self, state: Executor) -> None:
        for order_id in state.orders:
            if order_id not in self._orders.pictures or order_id in self._orders.followed:
                await self._orders.look(order_id)

    async def _cancel_open(self) -> None:
        """Until every order has ended; cancels are repeated, for one may be refused while its order is on its way."""
        while self._orders.followed:
            for order_id, followed in list(self._orders.followed.items()):
                self._orders.news.clear()
                found = await self._orders.look(order_id)
                if (found is None and followed.refused) or (found is not None and found.state.closed is not None):
                    self._orders.leave(order_id)
                elif found is not None and not found.state.cancel_wanted:
                    self._orders.cancel(order_id)
            await self._store()
            if self._orders.followed:
                await self._wait(LOOK_SECONDS)

    async def _close_rest(self, record: Callable[[ExecutorCommand], Awaitable[None]]) -> str | None:
        """Close what nothing closed, by market orders, as often as it takes. What is too small to trade is told."""
        for attempt in count():
            rest = residue(self._created.executor_type, list(self._orders.pictures.values()))
            tradable = {key: amount for key, amount in rest.items() if self._tradable(key, abs(amount))}
            if not tradable:
                told = "; ".join(f"{amount:+f} on {pair} at {connector}" for (connector, pair), amount in rest.items())
                return f"too small to trade: {told}" if told else None
            if attempt:
                failed = FailStop(
                    executor_id=self._created.executor_id,
                    reason=f"closing the position failed {attempt} times; it goes on",
                    exposure=fills(self._orders.pictures.values()),
                    time=utc_now(),
                )
                await record(failed)
                await asyncio.sleep(min(LONGEST_PAUSE, 2.0**attempt))
            for (connector, pair), amount in tradable.items():
                side = "SELL" if amount > 0 else "BUY"
                logger.warning("executor %s left %s of %s open; closing it", self._created.executor_id, amount, pair)
                self._orders.place(Wanted(connector, pair, side, "MARKET", abs(amount), None, "CLOSE"))
            await self._store()
            await self._until_ended()
        return None

    async def _until_ended(self) -> None:
        """Wait for the end of all orders, without cancelling any."""
        while self._orders.followed:
            self._orders.news.clear()
            for order_id, followed in list(self._orders.followed.items()):
                found = await self._orders.look(order_id)
                if (found is None and followed.refused) or (found is not None and found.state.closed is not None):
                    self._orders.leave(order_id)
            if self._orders.followed:
                await self._wait(LOOK_SECONDS)

    async def _wait(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._orders.news.wait(), seconds)

    def _tradable(self, market: tuple[str, str], amount: Decimal) -> bool:
        connector, pair = market
        rule = self._posts[connector].live.exchange.trading_rules.get(pair)
        if rule is None:
            return True
        rounded = self._posts[connector].live.exchange.quantize_amount(pair, amount)
        price = next((each.state.average_price for each in self._orders.pictures.values() if each.fills), None)
        return rounded > 0 and rounded >= rule.min_order_size and rounded * (price or Decimal(0)) >= rule.min_notional_size

    def _summed_up(self, executor: Ended, reason: str | None, *, keep: bool) -> Close:
        done = fills(self._orders.pictures.values())
        close_type = executor.close_type or CloseType.FAILED
        held = done if keep or close_type is CloseType.POSITION_HOLD else ()
        if held:
            close_type = CloseType.POSITION_HOLD
        elif close_type is CloseType.POSITION_HOLD:
            close_type = CloseType.EARLY_STOP
        closed_trades = not held and self._created.executor_type in CLOSING | PAIRED
        figures = earned(done) if closed_trades else self._engines(executor)
        if held:
            # The engine tells the volume of what was kept with the hold; here an executor's orders are its own.
            figures |= {
                name: total for name, total in earned(done).items() if name in {"cum_fees_quote", "filled_amount_quote"}
            }
        return Close(
            executor_id=self._created.executor_id,
            close_type=close_type,
            figures=figures,
            held=held,
            custom_info=_told(executor),
            reason=reason,
            time=utc_now(),
        )

    def _engines(self, executor: Ended) -> dict[str, Decimal]:
        """The engine's figures; without a live price those of the executions, with no profit or loss."""
        try:
            return executor.figures()
        except Unavailable:
            nothing = Decimal(0)
            return {**earned(fills(self._orders.pictures.values())), "net_pnl_quote": nothing, "net_pnl_pct": nothing}


def never_ran(created: ExecutorCreated, reason: str) -> Close:
    """The end of an executor that the engine does not take."""
    return Close(
        executor_id=created.executor_id,
        close_type=CloseType.FAILED,
        figures=earned(()),
        held=(),
        custom_info={},
        reason=reason,
        time=utc_now(),
    )


def _told(executor: Ended) -> dict[str, JsonValue]:
    try:
        return executor.custom_info()
    except Unavailable:
        return {}
