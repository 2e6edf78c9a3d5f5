"""What an executor's executions add up to, from the exchange's ledger alone; exact but for shares."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Context, Decimal, localcontext
from typing import Any

from bench.chaos.plans import FUTURES
from tests.safety.journal import EXACT, QUOTE

NOTHING = Decimal(0)
HOLD_PLACES = Decimal("1e-18")
"""To which a hold rounds the share of a side that is matched in part."""
QUOTIENT = Context(prec=40, rounding=ROUND_HALF_EVEN)
ROUNDING = Context(prec=100, rounding=ROUND_HALF_EVEN)


@dataclass(frozen=True)
class Fill:
    """One execution of the exchange."""

    connector: str
    base: str
    buys: bool
    price: Decimal
    amount: Decimal
    fee: Decimal
    fee_token: str
    time: int
    number: int
    order_id: str

    @property
    def quote(self) -> Decimal:
        return self.price * self.amount

    @property
    def fee_in_quote(self) -> Decimal:
        return self.fee if self.fee_token == QUOTE else self.fee * self.price

    @property
    def gained(self) -> Decimal:
        """Base: a fee of a spot market that is taken in base leaves less, or lacks."""
        lessened = self.connector != FUTURES and self.fee_token == self.base
        return (self.amount if self.buys else -self.amount) - (self.fee if lessened else NOTHING)

    @property
    def cash(self) -> Decimal:
        """Quote that came in; below zero what went out."""
        charged = self.fee if self.fee_token == QUOTE else NOTHING
        return (-self.quote if self.buys else self.quote) - charged


def fill_of(connector: str, trade: Mapping[str, Any]) -> Fill:
    """From a trade of the ledger."""
    return Fill(
        connector,
        trade["symbol"].removesuffix(QUOTE),
        trade["side"] == "BUY",
        trade["price"],
        trade["qty"],
        trade["commission"],
        trade["commissionAsset"],
        trade["time"],
        trade["id"],
        trade["clientOrderId"],
    )


@dataclass(frozen=True)
class Sums:
    """In quote: `cash` that came in less fees in quote, all `fees`, `volume`; in base `left` by connector and base token.

    `worth` is what is left at the last price it traded at, `profit` cash and worth; `share` is profit of what was bought or
    sold, whichever is less. Of types that trade on two markets, only what one side has more than the other is left.
    """

    cash: Decimal
    fees: Decimal
    volume: Decimal
    left: Mapping[tuple[str, str], Decimal]
    worth: Decimal
    share: Decimal

    @property
    def profit(self) -> Decimal:
        with localcontext(EXACT):
            return self.cash + self.worth


def summed(fills: Sequence[Fill], *, paired: bool) -> Sums:
    """All executions of one executor."""
    with localcontext(EXACT):
        net: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
        for fill in fills:
            net[fill.connector, fill.base] += fill.gained
        left = {market: amount for market, amount in (_netted(net) if paired else net).items() if amount}
        worth = sum((amount * _last_price(fills, market) for market, amount in left.items()), NOTHING)
        cash = sum((fill.cash for fill in fills), NOTHING)
        bought = sum((fill.quote for fill in fills if fill.buys), NOTHING)
        sold = sum((fill.quote for fill in fills if not fill.buys), NOTHING)
        fees = sum((fill.fee_in_quote for fill in fills), NOTHING)
        least = min(bought, sold)
        share = QUOTIENT.divide(cash + worth, least) if least else NOTHING
        return Sums(cash, fees, bought + sold, left, worth, share)


def _netted(net: Mapping[tuple[str, str], Decimal]) -> dict[tuple[str, str], Decimal]:
    found: dict[tuple[str, str], Decimal] = {}
    for base in {base for _, base in net}:
        together = sum((amount for (_, each), amount in net.items() if each == base), NOTHING)
        fitting = [market for market, amount in net.items() if market[1] == base and (amount > 0) is (together > 0)]
        if together:
            found[fitting[0]] = together
    return found


def _last_price(fills: Iterable[Fill], market: tuple[str, str]) -> Decimal:
    of_market = [fill for fill in fills if (fill.connector, fill.base) == market]
    return max(of_market, key=lambda fill: (fill.time, fill.number)).price


@dataclass(frozen=True)
class Held:
    """What a position hold of these executions alone shows."""

    buy_amount_base: Decimal
    buy_amount_quote: Decimal
    sell_amount_base: Decimal
    sell_amount_quote: Decimal
    net_amount_base: Decimal
    realized_pnl_quote: Decimal
    cum_fees_quote: Decimal


def held(fills: Sequence[Fill]) -> Held:
    """Matched volume is settled at average prices; the share of a side that is matched in part is rounded."""
    with localcontext(EXACT):
        bought, bought_for = _side(fills, buys=True)
        sold, sold_for = _side(fills, buys=False)
        matched = min(bought, sold)
        earned = _part(sold, sold_for, matched) - _part(bought, bought_for, matched)
        fees = sum((fill.fee_in_quote for fill in fills), NOTHING)
        return Held(bought, bought_for, sold, sold_for, bought - sold, earned, fees)


def _side(fills: Sequence[Fill], *, buys: bool) -> tuple[Decimal, Decimal]:
    of_side = [fill for fill in fills if fill.buys is buys]
    return sum((fill.amount for fill in of_side), NOTHING), sum((fill.quote for fill in of_side), NOTHING)


def _part(amount: Decimal, quote: Decimal, matched: Decimal) -> Decimal:
    if matched == amount:
        return quote
    return (matched * QUOTIENT.divide(quote, amount)).quantize(HOLD_PLACES, context=ROUNDING)
