"""What happens to positions without an order of their account: funding, margin calls and liquidation.

Funding: at the end of each interval a position pays `amount * mark price * rate` (Binance, "Introduction to Binance Futures
Funding Rates"); longs pay shorts when the rate is positive. Liquidation: when the margin balance is below the maintenance
margin of all positions, the account's orders end, and each position is closed at the mark price by an order `autoclose-...`;
the insurance fund pays what the wallet is below zero then. A margin call warns from four fifths of that point on.
"""

from __future__ import annotations

from decimal import Decimal

from sandbox_exchange.domain.perpetual import margin
from sandbox_exchange.domain.perpetual.accounts import FuturesAccount, PositionKey
from sandbox_exchange.domain.perpetual.events import (
    FundingPaid,
    FundingSettled,
    InsuranceCleared,
    MarginCalled,
    OrderAccepted,
)
from sandbox_exchange.domain.perpetual.orders import LIQUIDATION
from sandbox_exchange.domain.perpetual.positions import rounded
from sandbox_exchange.domain.perpetual.state import ContractMarket, State
from sandbox_exchange.domain.perpetual.trading import Recorder, exchange_contracts
from sandbox_exchange.domain.spot.orders import ZERO, OrderType, SelfTrade, Side, Status, TimeInForce, quote_order

WARNING_SHARE = Decimal("0.8")


def next_funding(state: State, at: int) -> int:
    """When funding is settled next (ms): intervals are aligned to 1970, so eight hours end at 0, 8 and 16 o'clock UTC."""
    interval = state.funding_seconds * 1000
    return (at // interval + 1) * interval


def settle_due(exchange: Recorder, market: ContractMarket, at: int) -> None:
    """Settle the interval that ended last, once. After a stop only that one is settled, late: nobody was charged meanwhile."""
    interval = exchange.state.funding_seconds * 1000
    due = at // interval * interval
    last = market.fundings[-1].due if market.fundings else 0
    if due > max(last, exchange.state.paced_at):
        settle(exchange, market, market.rate, due, at)


def settle(exchange: Recorder, market: ContractMarket, rate: Decimal, due: int, at: int) -> None:
    """Pay and charge every position of a contract. Amounts are rounded to eight decimals."""
    symbol = market.pair.symbol
    exchange.record(FundingSettled(symbol, rate, market.mark, due, at))
    for account in list(exchange.state.accounts.values()):
        for (held, side), position in list(account.positions.items()):
            amount = rounded(-position.amount * market.mark * rate)
            if held == symbol and amount:
                tran = exchange.state.last_tran + 1
                exchange.record(FundingPaid(account.id, symbol, side, amount, rate, tran, at))


def assess(exchange: Recorder, market: ContractMarket, warned: set[str], at: int) -> None:
    """Call or liquidate the accounts that hold a contract, when its mark price took their margin. `warned` is kept by it."""
    symbol, markets = market.pair.symbol, exchange.state.markets
    for account in list(exchange.state.accounts.values()):
        if not any(held == symbol for held, _ in margin.held(account)) or not margin.is_marked(account, markets):
            continue
        figures = margin.of_account(account, markets)
        balance = account.wallet + figures.unrealised
        if balance < figures.maintenance:
            _liquidate(exchange, account, at)
            warned.discard(account.id)
        elif balance * WARNING_SHARE >= figures.maintenance:
            warned.discard(account.id)
        elif account.id not in warned:
            warned.add(account.id)
            exchange.record(MarginCalled(account.id, at))


def _liquidate(exchange: Recorder, account: FuturesAccount, at: int) -> None:
    for order in list(account.open_orders.values()):
        exchange.close(order, Status.EXPIRED, at)
    for key in margin.held(account):
        _close_out(exchange, account, key, at)
    if account.wallet < ZERO:
        exchange.record(InsuranceCleared(account.id, -account.wallet, exchange.state.last_tran + 1, at))


def _close_out(exchange: Recorder, account: FuturesAccount, key: PositionKey, at: int) -> None:
    """Close a position with the market maker at the mark price, to the tick."""
    (symbol, position_side), amount = key, account.positions[key].amount
    market = exchange.state.markets[symbol]
    side, quantity, number = (Side.SELL if amount > ZERO else Side.BUY), abs(amount), exchange.state.last_order + 1
    exchange.record(
        OrderAccepted(
            number, account.id, symbol, side, OrderType.MARKET, TimeInForce.IOC, ZERO, quantity, f"{LIQUIDATION}{number}",
            SelfTrade.EXPIRE_MAKER, position_side, True, at,
        )
    )  # fmt: skip
    price = max(market.pair.tick, rounded(market.mark, market.pair.tick))
    taker = quote_order(-1, symbol, side.opposite, price, quantity, at)
    exchange_contracts(exchange, market, exchange.state.orders[number], taker, quantity, at)
