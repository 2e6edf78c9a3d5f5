"""What an executor left behind and what it earned, from its orders' executions alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal

from contracts.trading import ExecutorFill, ExecutorType, Side

from trading.domain import money
from trading.domain.executor_orders import Picture, executed, exposure

NOTHING = Decimal(0)
CLOSING = frozenset({ExecutorType.POSITION, ExecutorType.DCA, ExecutorType.GRID})
"""Types that close what they open on the same market."""

PAIRED = frozenset({ExecutorType.ARBITRAGE, ExecutorType.XEMM})
"""Types that buy on one market what they sell on the other."""


def residue(type_: ExecutorType, orders: Sequence[Picture]) -> dict[tuple[str, str], Decimal]:
    """The base amount by connector and pair that nothing closed: above zero bought, below zero sold.

    For types that trade on two markets it is what one side has more than the other, told of the market that has it. Types that
    only build up or reduce a position leave nothing by their nature.
    """
    net = exposure(orders)
    if type_ in CLOSING:
        return net
    if type_ not in PAIRED:
        return {}
    rest: dict[tuple[str, str], Decimal] = {}
    for base in {pair.split("-", 1)[0] for _, pair in net}:
        markets = {key: amount for key, amount in net.items() if key[1].split("-", 1)[0] == base}
        together = money.total(markets.values())
        if together:
            fitting = [key for key, amount in markets.items() if (amount > 0) is (together > 0)]
            rest[fitting[0]] = together
    return rest


def fills(orders: Iterable[Picture]) -> tuple[ExecutorFill, ...]:
    """Each order's executions summed up, without those that have none."""
    return tuple(found for each in orders if (found := executed(each)) is not None)


def earned(done: Iterable[ExecutorFill]) -> dict[str, Decimal]:
    """The figures of closed trades, all in the quote token: sold less bought less fees; the share is of what was bought or
    sold, whichever is less. Exact but for the share.
    """
    bought = sold = fees = NOTHING
    for each in done:
        fees = money.add(fees, each.fee)
        if each.side is Side.BUY:
            bought = money.add(bought, each.quote)
        else:
            sold = money.add(sold, each.quote)
    net = money.add(money.add(sold, -bought), -fees)
    return {
        "net_pnl_quote": net,
        "net_pnl_pct": money.average_price(net, min(bought, sold)) or NOTHING,
        "cum_fees_quote": fees,
        "filled_amount_quote": money.add(bought, sold),
    }
