"""The listed USDT-margined perpetual contracts, with their filters, margin and fee rates."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from sandbox_exchange.domain.market.pairs import LISTED as SPOT
from sandbox_exchange.domain.market.pairs import Pair

MARGIN_ASSET = "USDT"
MAKER_FEE = Decimal("0.0002")
TAKER_FEE = Decimal("0.0004")
DEFAULT_LEVERAGE = 20


@dataclass(frozen=True, slots=True)
class Contract(Pair):
    """A perpetual contract on the spot pair of the same symbol, its index.

    `maintenance_rate` is the share of a position's notional that keeps it from being liquidated: one bracket for every size,
    always below one over `max_leverage`.
    """

    max_leverage: int = 125
    maintenance_rate: Decimal = Decimal("0.004")


def _contract(base: str, tick: str, step: str, min_notional: str, max_leverage: int, maintenance_rate: str) -> Contract:
    spot = next(pair for pair in SPOT if pair.base == base)
    return Contract(
        base, "USDT", Decimal(tick), Decimal(step), spot.reference, spot.daily_volatility, max_quantity=Decimal(10_000),
        min_notional=Decimal(min_notional), max_leverage=max_leverage, maintenance_rate=Decimal(maintenance_rate),
    )  # fmt: skip


LISTED: tuple[Contract, ...] = (
    _contract("BTC", "0.1", "0.001", "100", 125, "0.004"),
    _contract("ETH", "0.01", "0.001", "20", 100, "0.005"),
    _contract("SOL", "0.01", "0.01", "5", 75, "0.0065"),
)
