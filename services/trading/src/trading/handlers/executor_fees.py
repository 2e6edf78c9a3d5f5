"""Fees in a token that is neither base nor quote, such as BNB: converted once, at the rate of the moment they are heard of."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from decimal import Decimal

from contracts.message import utc_now
from contracts.rejections import Unavailable

from trading.domain.executor import Executor
from trading.domain.executor_commands import ConvertFee, ExecutorCommand
from trading.domain.executor_orders import Picture, converted, foreign

logger = logging.getLogger(__name__)


class Fees:
    """Puts fees in the quote token. The rate is a fact of the executor, so its profit stays the same whenever it is summed."""

    def __init__(
        self,
        executor_id: str,
        rate: Callable[[str, str], Awaitable[Decimal | None]],
        state: Callable[[], Executor],
        record: Callable[[ExecutorCommand], Awaitable[None]],
    ) -> None:
        """`rate` of a token in a quote token, None when none is known; `state` is the executor's newest."""
        self._executor_id = executor_id
        self._rate = rate
        self._state = state
        self._record = record

    async def converted(self, order: Picture) -> Picture:
        """The order with its fees in quote, but for those without a rate so far."""
        quote = order.placed.trading_pair.split("-", 1)[1]
        for fill in foreign(order):
            token = fill.fee_token
            if token is None or (fill.order_id, fill.trade_id) in self._state().rates:
                continue
            if (rate := await self._now(token, quote)) is not None:
                fee = ConvertFee(
                    executor_id=self._executor_id,
                    order_id=fill.order_id,
                    trade_id=fill.trade_id,
                    token=token,
                    quote_token=quote,
                    rate=rate,
                    time=utc_now(),
                )
                await self._record(fee)
        return converted(order, self._state().rates)

    async def _now(self, token: str, quote: str) -> Decimal | None:
        try:
            return await self._rate(token, quote)
        except Unavailable as error:
            logger.warning("a fee in %s waits for a rate: %s", token, error.detail)
            return None
