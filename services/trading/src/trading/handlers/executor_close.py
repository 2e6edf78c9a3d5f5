"""The end of an executor: nothing it opened stays on the exchange unless somebody wants to keep it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from decimal import Decimal
from itertools import count

from contracts.message import utc_now
from contracts.rejections import Unavailable
from contracts.trading import CloseType, ExecutorCreated, OrderStatus
from pydantic import JsonValue

from trading.domain.executor import Executor
from trading.domain.executor_commands import Close, ExecutorCommand, FailStop
from trading.domain.executor_orders import Role, foreign
from trading.domain.executor_result import CLOSING, PAIRED, earned, fills, residue
from trading.handlers.executor_engine import Ended
from trading.handlers.executor_left import Left
from trading.handlers.executor_orders import OrderBook, shown
from trading.handlers.executor_posts import Post

logger = logging.getLogger(__name__)

LOOK_SECONDS = 2.0
LONGEST_PAUSE = 60.0


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

    async def finish(
        self, executor: Ended, wish: Callable[[], Executor], record: Callable[[ExecutorCommand], Awaitable[None]]
    ) -> Close:
        """Return the last fact about the executor once none of its orders is open and nothing is left unattended.

        `wish` tells its newest stored state: somebody may still decide to keep what cannot be closed.
        """
        await self._look_at_all(wish())
        await self._cancel_open()
        reason = await self._close_rest(lambda: _kept(executor, wish()), record)
        for each in self._orders.pictures.values():
            executor.refresh(shown(each))
        reason = "; ".join(filter(None, (reason, self._unvalued()))) or None
        # A class that was asked to stop and had no prices to step by may not have said why it ends.
        ended = executor.close_type or (CloseType.FAILED if wish().stop is None else CloseType.EARLY_STOP)
        return self._summed_up(executor, reason, ended, keep=_kept(executor, wish()))

    async def _look_at_all(self, state: Executor) -> None:
        for order_id in state.orders:
            found = await self._orders.look(order_id)
            if found is None or order_id in self._orders.followed:
                continue
            risen = order_id in self._orders.failed and found.state.closed is not OrderStatus.FAILED
            if risen or found.state.closed is None:
                self._orders.rise(order_id, found)

    async def _cancel_open(self) -> None:
        """Until every order has ended; cancels are repeated, for one may be refused while its order is on its way."""
        while self._orders.followed:
            await self._leave_ended()
            for order_id in self._orders.followed:
                found = self._orders.pictures.get(order_id)
                if found is None or (found.state.closed is None and not found.state.cancel_wanted):
                    self._orders.cancel(order_id)
            await self._store()
            if self._orders.followed:
                await self._wait(LOOK_SECONDS)

    async def _leave_ended(self) -> None:
        self._orders.check()
        self._orders.news.clear()
        for order_id in list(self._orders.followed):
            if self._orders.ended(order_id, await self._orders.look(order_id)):
                self._orders.leave(order_id)

    async def _close_rest(self, kept: Callable[[], bool], record: Callable[[ExecutorCommand], Awaitable[None]]) -> str | None:
        """Close what nothing closed, by market orders, as often as it takes. What is too small to trade is told."""
        tries: Counter[tuple[tuple[str, str], Decimal]] = Counter()
        for attempt in count():
            rest = {} if kept() else residue(self._created.executor_type, list(self._orders.pictures.values()))
            left = [
                Left(self._posts[market[0]].live.exchange, *market, amount, self._paid(market))
                for market, amount in rest.items()
            ]
            # What is left in part, or on the way back of a round trip, is tried from the first way on.
            wanted = [
                each
                for one, key in zip(left, rest.items(), strict=True)
                if (each := await one.closed_by(tries[key])) is not None
            ]
            if not wanted:
                told = "; ".join(each.told for each in left)
                return f"too small to trade: {told}" if told else None
            if failures := max(tries[key] for key in rest.items()):
                await record(self._failed(failures))
            if attempt:
                await asyncio.sleep(min(LONGEST_PAUSE, 2.0**failures))
            tries.update(rest.items())
            for each in wanted:
                logger.warning(
                    "executor %s closes what is left by a %s of %s on %s",
                    self._created.executor_id,
                    each.side,
                    each.amount,
                    each.trading_pair,
                )
                self._orders.place(each, Role.OURS)
            await self._store()
            await self._until_ended()
        return None

    def _failed(self, failures: int) -> FailStop:
        return FailStop(
            executor_id=self._created.executor_id,
            reason=f"closing the position failed {failures} times; it goes on",
            exposure=fills(self._orders.pictures.values()),
            time=utc_now(),
        )

    async def _until_ended(self) -> None:
        """Wait for the end of all orders, without cancelling any."""
        while self._orders.followed:
            await self._leave_ended()
            if self._orders.followed:
                await self._wait(LOOK_SECONDS)

    async def _wait(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._orders.news.wait(), seconds)

    def _unvalued(self) -> str | None:
        """The fees that are not in the figures, because no rate was known."""
        fees = [fill for each in self._orders.pictures.values() for fill in foreign(each)]
        told = ", ".join(f"{fill.fee:f} {fill.fee_token}" for fill in fees)
        return f"fees that no rate is known for are not counted: {told}" if told else None

    def _paid(self, market: tuple[str, str]) -> Decimal:
        """About what a unit is worth on a market: the average price of its newest order that executed anything."""
        done = [each for each in self._orders.pictures.values() if (each.placed.connector, each.placed.trading_pair) == market]
        return next((price for each in reversed(done) if (price := each.state.average_price) is not None), Decimal(0))

    def _summed_up(self, executor: Ended, reason: str | None, close_type: CloseType, *, keep: bool) -> Close:
        orders, type_ = list(self._orders.pictures.values()), self._created.executor_type
        done = fills(orders)
        closes = type_ in CLOSING | PAIRED
        # What a type that only builds up or reduces a position has traded stays, whatever ended it.
        held = () if closes and not keep else done
        if keep and held:
            close_type = CloseType.POSITION_HOLD
        elif close_type is CloseType.POSITION_HOLD and not held:
            close_type = CloseType.EARLY_STOP
        figures = earned(type_, orders) if closes and not held else self._engines(executor)
        if held:
            # The engine tells the volume of what was kept with the hold; here an executor's orders are its own.
            figures |= {
                name: total
                for name, total in earned(type_, orders).items()
                if name in {"cum_fees_quote", "filled_amount_quote"}
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
            done = earned(self._created.executor_type, list(self._orders.pictures.values()))
            return {**done, "net_pnl_quote": nothing, "net_pnl_pct": nothing}


def _kept(executor: Ended, state: Executor) -> bool:
    """Whether what it opened is to stay: as somebody wished, or else as its class ended."""
    return executor.close_type is CloseType.POSITION_HOLD if state.stop is None else state.stop.keep_position


def never_ran(created: ExecutorCreated, reason: str) -> Close:
    """The end of an executor that the engine does not take."""
    return Close(
        executor_id=created.executor_id,
        close_type=CloseType.FAILED,
        figures=earned(created.executor_type, ()),
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
