"""A Derivative of trading.handlers.exchange in memory."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Protocol

from contracts.trading import Position, PositionMode
from contracts.trading.reconciliation import DifferenceReason
from trading.handlers.exchange import Accepted, FundingPayment, Outcome


class Exchange(Protocol):
    """The venue, which may be down."""

    def reach(self) -> None: ...


class FakeDerivative:
    """The positions of the venue's one account. `outcome` answers the settings; `settings` counts those that were asked for."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self.held: list[Position] = []
        self.modes: Sequence[PositionMode] = tuple(PositionMode)
        self.mode: PositionMode | None = PositionMode.ONEWAY
        self.leverages: dict[str, int] = {}
        self.outcome: Outcome = Accepted("", datetime.now(UTC))
        self.settings = 0
        self.payments: list[FundingPayment] = []

    async def positions(self) -> list[Position]:
        self.exchange.reach()
        return list(self.held)

    def cause_of(self, client_order_id: str) -> DifferenceReason:
        return DifferenceReason.LIQUIDATION if client_order_id.startswith("autoclose-") else DifferenceReason.EXTERNAL_TRADE

    async def funding_since(self, since: datetime) -> list[FundingPayment] | None:
        self.exchange.reach()
        return [each for each in self.payments if each.time >= since]

    async def set_mode(self, mode: PositionMode) -> Outcome:
        self.settings += 1
        if isinstance(self.outcome, Accepted):
            self.mode = mode
        return self.outcome

    async def set_leverage(self, trading_pair: str, leverage: int) -> Outcome:
        self.settings += 1
        if isinstance(self.outcome, Accepted):
            self.leverages[trading_pair] = leverage
        return self.outcome
