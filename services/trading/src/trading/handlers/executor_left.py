"""What an ended executor has left on a market, and by which orders it is closed."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from decimal import ROUND_UP, Decimal

from contracts.rejections import Unavailable
from contracts.trading import PositionMode

from trading.adapters.executor_orders import Wanted
from trading.handlers.exchange import ExchangeSession

logger = logging.getLogger(__name__)

CYCLES = 2
"""How often every way is tried before something small that is netted with other positions is left."""

MARGIN = Decimal("0.25")
"""How much larger than the least a round trip is, and how much it grows: the price may have moved."""


@dataclass(frozen=True, slots=True)
class Left:
    """`amount` of base, above zero bought and below zero sold, that nothing closed; `price` is what it was traded at, about.

    Where an account has one position of a contract, executors on either side of it net: for one that ends there may be nothing
    to reduce, though it has traded. Then an order that opens nets like any other. What is worth too little for that goes
    by a round trip: an order that is larger by the least that can be traded, and the way back, which is closed as what is left
    after it. Should the exchange refuse every way, and have no position on this side, the rest is told and left.
    """

    exchange: ExchangeSession
    connector: str
    trading_pair: str
    amount: Decimal
    price: Decimal

    @property
    def told(self) -> str:
        """For the executor's reason."""
        netted = ", netted with other positions of the account" if self._netted else ""
        return f"{self.amount:+f} on {self.trading_pair} at {self.connector}{netted}"

    async def closed_by(self, attempt: int) -> Wanted | None:
        """The order that closes it at this attempt, counted from 0; None for what is too small to trade."""
        rule, size = self.exchange.trading_rules.get(self.trading_pair), abs(self.amount)
        if rule is None:
            return self._order(size, "CLOSE")
        rounded = self.exchange.quantize_amount(self.trading_pair, size)
        worth = rounded * self.price
        if rounded <= 0 or rounded < rule.min_order_size:
            return None
        if self.exchange.derivative is None:
            return self._order(size, "CLOSE") if worth >= rule.min_notional_size else None
        if not self._netted:
            return self._order(size, "CLOSE")
        ways = ("OPEN", "CLOSE", "ROUND") if worth >= rule.min_notional_size else ("CLOSE", "ROUND")
        small = worth < 2 * rule.min_notional_size
        if small and attempt >= CYCLES * len(ways) and not await self._is_there():
            return None
        way = ways[attempt % len(ways)]
        return self._order(size, way) if way != "ROUND" else self._order(size + self._least(attempt), "OPEN")

    @property
    def _netted(self) -> bool:
        derivative = self.exchange.derivative
        return derivative is not None and derivative.mode is PositionMode.ONEWAY

    def _least(self, attempt: int) -> Decimal:
        """An amount that can be traded by itself, in whole steps."""
        rule = self.exchange.trading_rules[self.trading_pair]
        least = rule.min_order_size if not self.price else max(rule.min_order_size, rule.min_notional_size / self.price)
        step, wanted = rule.min_base_amount_increment, least * (1 + MARGIN * attempt)
        return (wanted / step).to_integral_value(ROUND_UP) * step if step else wanted

    async def _is_there(self) -> bool:
        """Whether the exchange has a position on this side. Yes when it does not say."""
        derivative = self.exchange.derivative
        try:
            held = await derivative.positions() if derivative is not None else []
        except Unavailable as error:
            logger.warning("positions are not known: %s", error.detail)
            return True
        return any(each.trading_pair == self.trading_pair and each.amount * self.amount > 0 for each in held)

    def _order(self, size: Decimal, action: str) -> Wanted:
        side = "SELL" if self.amount > 0 else "BUY"
        return Wanted(self.connector, self.trading_pair, side, "MARKET", size, None, action)
