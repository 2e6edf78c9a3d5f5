"""The risk guard of one session: holds each order against the account's limits before its intent is stored.

An account without limits is not watched, and its orders cost nothing more.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Iterator
from decimal import Decimal

from contracts.message import Metadata, utc_now
from contracts.rejections import Unavailable
from contracts.trading import (
    PlaceOrder,
    PositionAction,
    ReloadRiskLimits,
    RiskLimitExceeded,
    RiskLimitHit,
    RiskLimits,
    RiskLimitsReloaded,
    RiskRule,
    Side,
)
from eventlog.execute import execute, load

from trading.domain import money
from trading.domain.order import ORDER
from trading.domain.order_commands import Place
from trading.domain.risk import NONE, RISK, Asked, RecordHit, Risk, Violation, checked
from trading.domain.risk_book import DOLLARS
from trading.domain.rules import Terms, terms
from trading.handlers.live import Live, order_stream, risk_stream
from trading.handlers.risk_facts import RiskFacts

logger = logging.getLogger(__name__)

PRICE_SECONDS = 2.0
"""How old a price may be that notionals are counted at."""
HIT_SECONDS = 60.0
"""One event for each rule in this time."""


class RiskGuard:
    """Watches one session."""

    def __init__(self, live: Live) -> None:
        self._live = live
        self._risk = Risk()
        self._coming: set[str] = set()
        self._prices: dict[str, tuple[float, Decimal | None]] = {}
        self._hits: dict[RiskRule, tuple[float, int]] = {}
        self._loading = asyncio.Lock()
        self.facts = RiskFacts(live)
        live.watch = self.facts

    async def load(self) -> None:
        """Go by the limits as they are stored now. Raises Unavailable."""
        async with self._loading:
            risk, _ = await load(self._live.log, RISK, risk_stream(self._live.account))
            if risk.any and not self.facts.watching:
                await self.facts.begin()
            elif not risk.any:
                self.facts.end()
            self._risk = risk

    async def reload(self, command: ReloadRiskLimits, _metadata: Metadata) -> RiskLimitsReloaded:
        """The limits were changed."""
        await self.load()
        return RiskLimitsReloaded(account=command.account, connector=command.connector)

    async def admit(self, place: Place, metadata: Metadata) -> None:
        """Let an order come, and count it from now on; `coming` tells whether it was placed. Refused: RiskLimitExceeded.

        Raises what `terms` does, and Unavailable when a limit needs a price that is not known.
        """
        if not self.facts.watching or place.order_id in self._live.tracked:
            return
        numbers = terms(place.order, place.market)
        violation = await self._violation(place, numbers, metadata.actor)
        if violation is not None:
            state, _ = await load(self._live.log, ORDER, order_stream(place.order_id))
            if state.origin is not None:
                # The same command again: the order was placed when the limits let it.
                return
            self._tell(violation, place.order, metadata)
            raise _refusal(violation)
        if place.order_id not in self._coming:
            self._coming.add(place.order_id)
            self.facts.coming(place.order_id, place.order, numbers.amount)

    async def rehearse(self, place: Place, metadata: Metadata) -> None:
        """Refuse what `admit` refuses; nothing is counted, stored or told."""
        if self.facts.watching:
            violation = await self._violation(place, terms(place.order, place.market), metadata.actor)
            if violation is not None:
                raise _refusal(violation)

    @contextlib.contextmanager
    def coming(self, order_id: str) -> Iterator[None]:
        """While an admitted order is stored. Afterwards it is followed, or forgotten because it was not placed."""
        try:
            yield
        finally:
            tracked = self._live.tracked.get(order_id)
            if tracked is not None:
                self.facts.changed(tracked)
            elif order_id in self._coming:
                self.facts.withdrawn(order_id)
            self._coming.discard(order_id)

    async def _violation(self, place: Place, numbers: Terms, actor: str) -> Violation | None:
        limits, order = self._risk.of(actor), place.order
        if limits == NONE:
            return None
        close = order.position_action is PositionAction.CLOSE
        if close and (self.facts.venue.derivative or order.executor_id is not None):
            return None
        asked = await self._priced(limits, place, numbers)
        balance = await self._balance(order)
        worth = await self._worth_of(self.facts.tokens()) if limits.max_daily_loss is not None else {}
        # From here to the end of `admit` nothing else runs: what is judged is what is counted.
        return checked(limits, self.facts.of(place.order_id, order, balance, worth), asked)

    async def _balance(self, order: PlaceOrder) -> Decimal:
        """The balance of a spot order's base token, which may be ahead of the executions or behind them."""
        if self.facts.venue.derivative:
            return Decimal(0)
        held = (await self._live.exchange.balances(refresh=False)).get(order.trading_pair.split("-", 1)[0])
        return held.total if held is not None else Decimal(0)

    async def _priced(self, limits: RiskLimits, place: Place, numbers: Terms) -> Asked:
        order = place.order
        if limits.max_order_notional is None and limits.max_position_notional is None:
            return Asked(order.side, numbers.amount)
        quote = order.trading_pair.split("-", 1)[1]
        dollar = Decimal(1) if quote in DOLLARS else (await self._worth_of(frozenset({quote}))).get(quote)
        market = place.market.reference_price or await self._price(order.trading_pair)
        if dollar is None or market is None:
            unknown = order.trading_pair if market is None else f"{quote} in dollars"
            raise Unavailable(f"The price of {unknown} is not known, so the account's risk limits cannot be checked")
        limit = numbers.price
        # A buy executes at its limit price or below, a sell at its limit price or above.
        highest = limit if limit is not None and order.side is Side.BUY else max(market, limit or market)
        return Asked(order.side, numbers.amount, money.product(highest, dollar), money.product(max(market, highest), dollar))

    async def _worth_of(self, tokens: frozenset[str]) -> dict[str, Decimal]:
        """The prices of tokens in dollars, where the exchange tells them."""
        found = {token: await self._price(f"{token}-USDT") for token in tokens}
        return {token: price for token, price in found.items() if price is not None}

    async def _price(self, trading_pair: str) -> Decimal | None:
        now = asyncio.get_running_loop().time()
        read_at, price = self._prices.get(trading_pair, (now - PRICE_SECONDS, None))
        if now - read_at >= PRICE_SECONDS:
            listed = trading_pair in self._live.exchange.trading_rules
            price = await self._live.exchange.price(trading_pair) if listed else None
            self._prices[trading_pair] = now, price
        return price

    def _tell(self, violation: Violation, order: PlaceOrder, metadata: Metadata) -> None:
        now = asyncio.get_running_loop().time()
        told_at, untold = self._hits.get(violation.rule, (now - HIT_SECONDS, 0))
        if now - told_at < HIT_SECONDS:
            self._hits[violation.rule] = told_at, untold + 1
            return
        self._hits[violation.rule] = now, 0
        hit = RiskLimitHit(
            account=order.account,
            connector=order.connector,
            rule=violation.rule,
            limit=violation.limit,
            value=violation.value,
            actor=metadata.actor,
            trading_pair=order.trading_pair,
            side=order.side,
            amount=order.amount,
            price=order.price,
            executor_id=order.executor_id,
            refused=untold + 1,
            time=utc_now(),
        )
        logger.warning("order refused: %s", violation.told(), extra={"account": order.account, "connector": order.connector})
        self._live.spawn(self._record(hit, metadata.caused()))

    async def _record(self, hit: RiskLimitHit, metadata: Metadata) -> None:
        try:
            await execute(self._live.log, RISK, risk_stream(hit.account), RecordHit(hit=hit), metadata)
        except Unavailable as error:
            logger.warning("a hit of %s is not stored: %s", hit.rule, error.detail, extra={"account": hit.account})


def _refusal(violation: Violation) -> RiskLimitExceeded:
    return RiskLimitExceeded(f"The order was refused: {violation.told()}. Nothing was sent", field=violation.field)
