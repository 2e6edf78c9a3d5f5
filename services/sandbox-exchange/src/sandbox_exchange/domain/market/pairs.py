"""The listed pairs: their filters, and how the simulated market for each behaves."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Pair:
    """A listed pair. Prices are multiples of `tick`, sizes of `step`; `reference` is the centre the price reverts to."""

    base: str
    quote: str
    tick: Decimal
    step: Decimal
    reference: Decimal
    daily_volatility: float

    max_quantity: Decimal = Decimal(9_000_000)
    min_notional: Decimal = Decimal(5)
    max_notional: Decimal = Decimal(9_000_000)

    @property
    def symbol(self) -> str:
        return self.base + self.quote

    @property
    def max_price(self) -> Decimal:
        """A hundred times the reference price: volumes in ticks and lots stay far inside 64 bits."""
        return self.reference * 100

    def price(self, ticks: int) -> Decimal:
        """The price of a whole number of ticks."""
        return self.tick * ticks

    def quantity(self, lots: int) -> Decimal:
        """The size of a whole number of lots."""
        return self.step * lots


def _usdt(base: str, tick: str, step: str, reference: str, daily_volatility: float) -> Pair:
    return Pair(base, "USDT", Decimal(tick), Decimal(step), Decimal(reference), daily_volatility)


# Tick and step never have more than eight decimals together, so a notional is exact at eight decimals.
LISTED: tuple[Pair, ...] = (
    _usdt("BTC", "0.01", "0.00001", "95000", 0.022),
    _usdt("ETH", "0.01", "0.0001", "3300", 0.030),
    _usdt("SOL", "0.01", "0.001", "180", 0.040),
    _usdt("BNB", "0.01", "0.001", "650", 0.025),
    _usdt("XRP", "0.0001", "0.1", "2.2", 0.038),
    _usdt("ADA", "0.0001", "0.1", "0.9", 0.040),
    _usdt("DOGE", "0.00001", "1", "0.32", 0.045),
    _usdt("LINK", "0.001", "0.01", "21", 0.040),
    _usdt("AVAX", "0.001", "0.01", "38", 0.042),
    _usdt("LTC", "0.01", "0.001", "105", 0.032),
)
