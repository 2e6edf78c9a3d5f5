"""How an order, the market maker's ladder and the simulated crowd meet the book."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Protocol

from sandbox_exchange.domain.market.pairs import Pair
from sandbox_exchange.domain.refusals import duplicate_order, insufficient_balance, would_take
from sandbox_exchange.domain.spot.accounts import Account, locked_funds
from sandbox_exchange.domain.spot.commands import PlaceOrder, Quote, Sweep
from sandbox_exchange.domain.spot.events import Event, OrderAccepted, Traded
from sandbox_exchange.domain.spot.filters import check_notional, check_price, check_quantity
from sandbox_exchange.domain.spot.matching import Plan, plan
from sandbox_exchange.domain.spot.orders import HOUSE, ZERO, Order, OrderType, Side, Status, TimeInForce, quote_order
from sandbox_exchange.domain.spot.state import Market, State

FEE_RATE = Decimal("0.001")
"""Of what each side receives, maker and taker alike."""
TRADE_EPOCH = 1_577_836_800_000
"""2020-01-01: trade ids grow with the time since then, so they stay ordered over restarts."""


class Recorder(Protocol):
    """What the exchange offers to these functions."""

    state: State
    pieces: Callable[[Order, int], int]

    def record(self, event: Event) -> None: ...

    def close(self, order: Order, status: Status, at: int, cancel_id: str = "") -> None: ...


def place(exchange: Recorder, command: PlaceOrder, at: int) -> None:
    """Check an order, accept it, and let it trade. Raises Refused when a check fails; nothing has changed then."""
    state = exchange.state
    market, account = state.market(command.symbol), state.accounts[command.account]
    order = _draft(state, command, at)
    _check_filters(market, order)
    earlier = account.by_client_id.get((order.symbol, order.client_order_id))
    if earlier is not None and earlier.is_open:
        raise duplicate_order()
    planned = plan(market.book, order, market.pair.step)
    if order.type is OrderType.LIMIT_MAKER and (planned.fills or planned.expired_makers or planned.taker_expires):
        raise would_take()
    _check_funds(account, market.pair, order, planned)
    if order.quote_quantity:
        order.quantity = planned.base if planned.complete else planned.base + market.pair.step
    exchange.record(_accepted(order))
    accepted = state.orders[order.id]
    if order.time_in_force is TimeInForce.FOK and not planned.complete:
        exchange.close(accepted, Status.EXPIRED, at)
        return
    _carry_out(exchange, market, accepted, planned, at)
    if accepted.is_open and planned.taker_expires:
        exchange.close(accepted, Status.EXPIRED_IN_MATCH, at)
    elif accepted.is_open and not accepted.rests:
        exchange.close(accepted, Status.EXPIRED, at)


def quote(exchange: Recorder, command: Quote, at: int) -> None:
    """Replace the market maker's ladder; new quotes first trade with accounts' orders they cross."""
    market = exchange.state.market(command.symbol)
    ladder = {(Side.BUY, price): quantity for price, quantity in command.bids}
    ladder |= {(Side.SELL, price): quantity for price, quantity in command.asks}
    for key, standing in list(market.quotes.items()):
        wanted = ladder.get(key, ZERO)
        if standing.remaining == wanted:
            del ladder[key]
        else:
            market.book.remove(standing)
            del market.quotes[key]
    for (side, price), quantity in ladder.items():
        _post(exchange, market, side, price, quantity, at)


def sweep(exchange: Recorder, command: Sweep, at: int) -> None:
    """Trade the crowd's flow with accounts' resting orders; market maker quotes ahead in the queue absorb their share."""
    market = exchange.state.market(command.symbol)
    taker = quote_order(-1, command.symbol, command.side, command.price, command.quantity, at)
    for maker, quantity in plan(market.book, taker, market.pair.step).fills:
        if maker.account:
            _trade(exchange, market, taker, maker, quantity, at)


def _post(exchange: Recorder, market: Market, side: Side, price: Decimal, quantity: Decimal, at: int) -> None:
    # Book versions only grow, so they number quotes; negative, to keep them apart from orders.
    posted = quote_order(-1 - market.book.version, market.pair.symbol, side, price, quantity, at)
    opposite = market.book.best(side.opposite)
    if opposite is not None and (opposite <= price if side is Side.BUY else opposite >= price):
        for maker, filled in plan(market.book, posted, market.pair.step).fills:
            _trade(exchange, market, posted, maker, filled, at)
            posted.executed += filled
    if posted.remaining > ZERO:
        market.book.add(posted)
        market.quotes[side, price] = posted


def _draft(state: State, command: PlaceOrder, at: int) -> Order:
    number = state.last_order + 1
    return Order(
        number, command.account, command.symbol, command.side, command.type, command.time_in_force, command.price,
        command.quantity, command.quote_quantity, command.client_order_id or f"sandbox{number}", command.self_trade, at, at,
    )  # fmt: skip


def _accepted(order: Order) -> OrderAccepted:
    return OrderAccepted(
        order.id, order.account, order.symbol, order.side, order.type, order.time_in_force, order.price,
        order.quantity, order.quote_quantity, order.client_order_id, order.self_trade, order.placed_at,
    )  # fmt: skip


def _check_filters(market: Market, order: Order) -> None:
    pair = market.pair
    if order.is_limit:
        check_price(pair, order.price)
    if order.quote_quantity:
        check_notional(pair, order.quote_quantity, is_market=True)
        return
    check_quantity(pair, order.quantity)
    price = order.price if order.is_limit else market.last_price
    check_notional(pair, price * order.quantity, is_market=not order.is_limit)


def _check_funds(account: Account, pair: Pair, order: Order, planned: Plan) -> None:
    if order.is_limit:
        asset, needed = locked_funds(order, pair.base, pair.quote)
    elif order.side is Side.BUY:
        asset, needed = pair.quote, order.quote_quantity or planned.quote
    else:
        asset, needed = pair.base, planned.base if order.quote_quantity else order.quantity
    held = account.balances.get(asset)
    if held is None or held.free < needed:
        raise insufficient_balance()


def _carry_out(exchange: Recorder, market: Market, order: Order, planned: Plan, at: int) -> None:
    for maker in planned.expired_makers:
        exchange.close(maker, Status.EXPIRED_IN_MATCH, at)
    for maker, quantity in planned.fills:
        _trade(exchange, market, order, maker, quantity, at)


def _trade(exchange: Recorder, market: Market, taker: Order, maker: Order, quantity: Decimal, at: int) -> None:
    """Let two orders trade, in one trade or in pieces of whole lots; the last piece takes what is left."""
    wanted = max((exchange.pieces(order, at) for order in (taker, maker) if order.account), default=1)
    if wanted > 1:
        lots = int(quantity // market.pair.step)
        piece = max(lots // wanted, 1) * market.pair.step
        for _ in range(min(lots, wanted) - 1):
            _exchange(exchange, market, taker, maker, piece, at)
            quantity -= piece
    _exchange(exchange, market, taker, maker, quantity, at)


def _exchange(exchange: Recorder, market: Market, taker: Order, maker: Order, quantity: Decimal, at: int) -> None:
    number = max(exchange.state.last_trade + 2, 2 * (at - TRADE_EPOCH) + 1)
    bought, earned = quantity * FEE_RATE, maker.price * quantity * FEE_RATE
    taker_fee, maker_fee = (bought, earned) if taker.side is Side.BUY else (earned, bought)
    taker_id = taker.id if taker.account else HOUSE
    maker_id = maker.id if maker.account else HOUSE
    if not maker.account:
        market.book.reduce(maker, quantity)
        maker.executed += quantity
        if not maker.remaining:
            del market.quotes[maker.side, maker.price]
    exchange.record(
        Traded(
            number, market.pair.symbol, maker.price, quantity, taker.side, taker_id, maker_id,
            taker_fee if taker_id else ZERO, maker_fee if maker_id else ZERO, at,
        )
    )  # fmt: skip
