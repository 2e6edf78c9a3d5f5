"""What an executor left behind and what it earned, from its orders' executions alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

from contracts.trading import ExecutorFill, ExecutorType, Side

from trading.domain import money
from trading.domain.executor_orders import Picture, executed, exposure, lessened_by

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


def earned(type_: ExecutorType, orders: Sequence[Picture]) -> dict[str, Decimal]:
    """The figures of closed trades, all in the quote token.

    `net_pnl_quote` is sold less bought less fees in quote, and what is left counts at its market's last execution: a fee taken
    in base left less to sell, so it is in there and does not count again. `net_pnl_pct` is its share of what was bought or
    sold, whichever is less. `cum_fees_quote` has all fees. Exact but for the share.
    """
    bought = sold = costs = fees = NOTHING
    for each in fills(orders):
        fees = money.add(fees, each.fee)
        if each.side is Side.BUY:
            bought = money.add(bought, each.quote)
        else:
            sold = money.add(sold, each.quote)
    for order in orders:
        costs = money.add(costs, _charged(order))
    net = money.total((sold, -bought, -costs, _worth(residue(type_, orders), orders)))
    return {
        "net_pnl_quote": net,
        "net_pnl_pct": money.average_price(net, min(bought, sold)) or NOTHING,
        "cum_fees_quote": fees,
        "filled_amount_quote": money.add(bought, sold),
    }


def _charged(order: Picture) -> Decimal:
    """The fees of an order that its base amounts do not show, in quote."""
    found = executed(order)
    if found is None:
        return NOTHING
    base = lessened_by(order)
    shown = money.total(money.product(fill.fee, fill.price) for fill in order.fills if fill.fee_token == base)
    return money.add(found.fee, -shown)


def _worth(rest: Mapping[tuple[str, str], Decimal], orders: Sequence[Picture]) -> Decimal:
    """What is left, at the price of the last execution on its market."""
    together = NOTHING
    for market, amount in rest.items():
        done = [fill for each in orders if (each.placed.connector, each.placed.trading_pair) == market for fill in each.fills]
        # Trade ids are numbers where executions of one moment have different prices.
        last = max(done, key=lambda fill: (fill.time, len(fill.trade_id), fill.trade_id))
        together = money.add(together, money.product(amount, last.price))
    return together
