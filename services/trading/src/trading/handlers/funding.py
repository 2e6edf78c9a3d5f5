"""Funding payments of a running session: what the exchange lists, whenever it happened, each recorded once."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from datetime import timedelta

from contracts import naming
from contracts.message import utc_now
from contracts.rejections import Unavailable
from contracts.trading import FundingPaid
from eventlog.errors import Fenced

from trading.domain.funding import FUNDING, RecordFunding
from trading.handlers.exchange import Derivative, FundingPayment
from trading.handlers.funding_sharing import FundingSharing, funding_id
from trading.handlers.live import Live, stored
from trading.views.funding import paid_since, paid_until

logger = logging.getLogger(__name__)

OVERLAP = timedelta(days=1)
"""How far before the last known payment the exchange is asked again: it may list payments late and out of order."""


class Funding:
    """Records the funding payments of one session."""

    def __init__(self, live: Live) -> None:
        self._live = live
        self._sharing = FundingSharing(live)

    async def keep(self) -> None:
        """Record and share what the exchange lists and is not known: at once, after pushes, each `pace.funding` seconds."""
        live, derivative = self._live, self._live.exchange.derivative
        while derivative is not None:
            live.funding_changed.clear()
            waiting = 0
            try:
                await self._read(derivative)
                waiting = await self._sharing.share()
            except Unavailable as error:
                if isinstance(error, Fenced):
                    raise
                logger.warning("funding payments are not known: %s", error.detail, extra=self._fields())
                live.funding_changed.set()
                await asyncio.sleep(live.pace.ask_longest)
            await asyncio.sleep(live.pace.balances)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(live.funding_changed.wait(), live.pace.ask_longest if waiting else live.pace.funding)

    async def _read(self, derivative: Derivative) -> None:
        live = self._live
        since = (await paid_until(live.log, live.account, live.connector) or utc_now()) - OVERLAP
        payments = await derivative.funding_since(since)
        known = await paid_since(live.log, live.account, live.connector, since)
        for payment in payments or ():
            if (payment.trading_pair, payment.exchange_id) not in known:
                await self._record(payment)

    async def _record(self, payment: FundingPayment) -> None:
        live = self._live
        names = (live.account, live.connector, payment.trading_pair, payment.exchange_id)
        rule = live.exchange.trading_rules.get(payment.trading_pair)
        command = RecordFunding(
            account=live.account,
            connector=live.connector,
            trading_pair=payment.trading_pair,
            exchange_funding_id=payment.exchange_id,
            amount=payment.amount,
            token=payment.token,
            rate=payment.rate,
            mark=payment.mark,
            step=None if rule is None else rule.min_base_amount_increment,
            time=payment.time,
        )
        stream = naming.stream_id("trading", "funding", funding_id(*names))
        done = await stored(live.log, FUNDING, stream, command, fence=live.fence)
        if live.watch is not None and not done.repeated:
            for paid in done.events:
                if isinstance(paid, FundingPaid):
                    live.watch.funded(paid)

    def _fields(self) -> dict[str, str]:
        return {"account": self._live.account, "connector": self._live.connector}
