"""Shares funding payments among the executors and holds that held their positions, once all executions until then are known."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import cast
from uuid import UUID, uuid5

from contracts import naming
from contracts.message import utc_now
from contracts.trading import HoldEvent, PositionMode

from trading.domain.funding import FUNDING, ShareFunding
from trading.domain.funding_shares import Owner, shared
from trading.domain.hold import HOLD
from trading.handlers.holds import hold_stream
from trading.handlers.live import Live, stored
from trading.views.funding_owners import WaitingPayment, executors_at, holds_on, holds_owed, waiting

NAMESPACE = UUID("0d4f3a53-5a0e-5f0c-9a0e-7f1d5c3b2a11")


def funding_id(account: str, connector: str, trading_pair: str, exchange_funding_id: str) -> str:
    """The one id of a payment: the exchange's own is unique only within an account and a pair."""
    return uuid5(NAMESPACE, ":".join((account, connector, trading_pair, exchange_funding_id))).hex


class FundingSharing:
    """Of one session."""

    def __init__(self, live: Live) -> None:
        self._live = live

    async def share(self) -> int:
        """Share what can be shared now; how many payments still wait. Raises Unavailable."""
        live, left = self._live, 0
        for payment in await waiting(live.log, live.account, live.connector):
            if await self._complete(payment):
                await self._share(payment)
            else:
                left += 1
        return left

    async def _complete(self, payment: WaitingPayment) -> bool:
        """Whether every execution up to the payment is recorded; a reconciliation that finds them out is asked for."""
        live = self._live
        read = live.trades_read.get(payment.trading_pair)
        if live.trades_listed and (read is None or read <= payment.time):
            live.pairs.add(payment.trading_pair)
            live.reconcile_now.set()
            return False
        return not await holds_owed(live.log, live.account, payment.time)

    async def _share(self, payment: WaitingPayment) -> None:
        live, derivative = self._live, self._live.exchange.derivative
        pair = payment.trading_pair
        found = await executors_at(live.log, live.account, live.connector, pair, payment.time)
        owners = [Owner(executor_id, controller, position) for executor_id, controller, position in found]
        for controller, position, changed in await holds_on(live.log, live.account, live.connector, pair):
            held = position if changed <= payment.time else await self._held_at(pair, controller, payment.time)
            owners.append(Owner(None, controller, held))
        hedged = derivative is not None and derivative.mode is PositionMode.HEDGE
        # What was paid in another token than the profit is counted in stays with the account.
        position_amount = payment.position_amount if pair.endswith(f"-{payment.token}") else None
        command = ShareFunding(
            account=live.account,
            connector=live.connector,
            trading_pair=pair,
            exchange_funding_id=payment.exchange_funding_id,
            shares=shared(payment.amount, position_amount, owners, hedged=hedged),
            time=utc_now(),
        )
        name = funding_id(live.account, live.connector, pair, payment.exchange_funding_id)
        await stored(live.log, FUNDING, naming.stream_id("trading", "funding", name), command, fence=live.fence)

    async def _held_at(self, pair: str, controller: str, at: datetime) -> Decimal:
        """What a hold that has changed since then was then."""
        stream = hold_stream(self._live.account, self._live.connector, pair, controller)
        # A hold's stream holds its own events only.
        events = [cast("HoldEvent", one.event) for one in await self._live.log.read(stream)]
        state = HOLD.fold(HOLD.initial, [event for event in events if event.time <= at])
        return Decimal(0) if state.position is None else state.position.open_base
