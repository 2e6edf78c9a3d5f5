"""Orders of perpetual contracts: a spot order that is for a position.

A post-only order (time in force GTX on the wire) is a LIMIT_MAKER order here, as in spot.
"""

from __future__ import annotations

from dataclasses import dataclass

from sandbox_exchange.domain.perpetual.positions import PositionSide
from sandbox_exchange.domain.spot.orders import Order

LIQUIDATION = "autoclose-"
"""How the client id of a liquidation order begins."""


@dataclass(slots=True, eq=False)
class FuturesOrder(Order):
    """`reduce_only` orders never open or turn a position: they trade at most what it holds, and end EXPIRED without it."""

    position_side: PositionSide = PositionSide.BOTH
    reduce_only: bool = False

    @property
    def is_liquidation(self) -> bool:
        return self.client_order_id.startswith(LIQUIDATION)
