"""How orders, the market maker's ladder and the simulated crowd meet a contract's book."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Protocol

from sandbox_exchange.domain import refusals
from sandbox_exchange.domain.perpetual import margin
from sandbox_exchange.domain.perpetual.accounts import FuturesAccount
from sandbox_exchange.domain.perpetual.commands import PlaceOrder
from sandbox_exchange.domain.perpetual.contracts import MAKER_FEE, TAKER_FEE, Contract
from sandbox_exchange.domain.perpetual.events import Event, OrderAccepted, Traded
from sandbox_exchange.domain.perpetual.orders import FuturesOrder
from sandbox_exchange.domain.perpetual.positions import PositionSide
from sandbox_exchange.domain.perpetual.state import ContractMarket, State
from sandbox_exchange.domain.spot.commands import Quote, Sweep
from sandbox_exchange.domain.spot.matching import Plan, plan
from sandbox_exchange.domain.spot.orders import HOUSE, ZERO, Order, OrderType, Side, Status, TimeInForce, quote_order
from sandbox_exchange.domain.spot.trading import TRADE_EPOCH


class Recorder(Protocol):
    """What the exchange offers to these functions."""

    state: State
    pieces: Callable[[Order, int], int]

    def record(self, event: Event) -> None: ...

    def close(self, order: FuturesOrder, status: Status, at: int, cancel_id: str = "") -> None: ...


def place(exchange: Recorder, command: PlaceOrder, at: int) -> None:
    """Check an order, accept it, and let it trade. Raises Refused when a check fails; nothing has changed then."""
    state = exchange.state
    market, account = state.market(command.symbol), state.account(command.account)
    order = _draft(state, account, command, at)
    _check_filters(market, order)
    earlier = account.by_client_id.get((order.symbol, order.client_order_id))
    if earlier is not None and earlier.is_open:
        raise refusals.duplicate_client_id()
    _check_reduction(account, order)
    planned = plan(market.book, _capped(state, order), market.pair.step)
    if order.type is OrderType.LIMIT_MAKER and (planned.fills or planned.expired_makers or planned.taker_expires):
        raise refusals.post_only_rejected()
    if order.time_in_force is TimeInForce.FOK and not planned.complete:
        raise refusals.fill_or_kill_rejected()
    margin.check(account, state.markets, replace(order, price=_expected_price(market, order, planned)))
    exchange.record(_accepted(order))
    accepted = state.orders[order.id]
    taker_expires = _match(exchange, market, accepted, at)
    if accepted.is_open and taker_expires:
        exchange.close(accepted, Status.EXPIRED_IN_MATCH, at)
    elif accepted.is_open and not accepted.rests:
        exchange.close(accepted, Status.EXPIRED, at)


def quote(exchange: Recorder, command: Quote, at: int) -> None:
    """Replace the market maker's ladder; new quotes first trade with accounts' orders they cross."""
    market = exchange.state.market(command.symbol)
    ladder = {(Side.BUY, price): quantity for price, quantity in command.bids}
    ladder |= {(Side.SELL, price): quantity for price, quantity in command.asks}
    for key, standing in list(market.quotes.items()):
        if standing.remaining == ladder.get(key, ZERO):
            del ladder[key]
        else:
            market.book.remove(standing)
            del market.quotes[key]
    for (side, price), quantity in ladder.items():
        # Book versions only grow, so they number quotes; negative, to keep them apart from orders.
        posted = quote_order(-1 - market.book.version, command.symbol, side, price, quantity, at)
        _match(exchange, market, posted, at)
        if posted.remaining > ZERO:
            market.book.add(posted)
            market.quotes[side, price] = posted


def sweep(exchange: Recorder, command: Sweep, at: int) -> None:
    """Trade the crowd's flow with accounts' resting orders; market maker quotes ahead in the queue absorb their share."""
    market = exchange.state.market(command.symbol)
    taker = quote_order(-1, command.symbol, command.side, command.price, command.quantity, at)
    for maker, quantity in plan(market.book, taker, market.pair.step).fills:
        if maker.account:
            allowed = min(quantity, _room(exchange.state, maker))
            if allowed > ZERO:
                _trade(exchange, market, taker, maker, allowed, at)


def _draft(state: State, account: FuturesAccount, command: PlaceOrder, at: int) -> FuturesOrder:
    """The order in the account's position mode. Closing orders of hedge mode only reduce."""
    if command.position_side not in account.sides():
        raise refusals.wrong_position_side()
    if account.hedge and command.reduce_only:
        raise refusals.not_required("reduceonly")
    number = state.last_order + 1
    closing = (command.position_side, command.side) in ((PositionSide.LONG, Side.SELL), (PositionSide.SHORT, Side.BUY))
    return FuturesOrder(
        number, command.account, command.symbol, command.side, command.type, command.time_in_force, command.price,
        command.quantity, ZERO, command.client_order_id or f"sandbox{number}", command.self_trade, at, at,
        position_side=command.position_side, reduce_only=command.reduce_only or closing,
    )  # fmt: skip


def _accepted(order: FuturesOrder) -> OrderAccepted:
    return OrderAccepted(
        order.id, order.account, order.symbol, order.side, order.type, order.time_in_force, order.price, order.quantity,
        order.client_order_id, order.self_trade, order.position_side, order.reduce_only, order.placed_at,
    )  # fmt: skip


def _check_filters(market: ContractMarket, order: FuturesOrder) -> None:
    contract: Contract = market.pair
    if order.is_limit:
        refusals.check_futures_price(order.price, contract.tick, contract.max_price)
    refusals.check_futures_quantity(order.quantity, contract.step, contract.max_quantity)
    price = order.price if order.is_limit else market.mark or market.last_price
    if not order.reduce_only and price * order.quantity < contract.min_notional:
        raise refusals.notional_too_small(contract.min_notional)


def _check_reduction(account: FuturesAccount, order: FuturesOrder) -> None:
    room = account.position_of(order).room(order.side)
    if order.reduce_only and (not room or (account.hedge and order.quantity > room)):
        raise refusals.reduce_only_rejected()


def _expected_price(market: ContractMarket, order: FuturesOrder, planned: Plan) -> Decimal:
    """A limit order's price, or the worst price a market order trades at."""
    if order.is_limit:
        return order.price
    return planned.fills[-1][0].price if planned.fills else market.mark or market.last_price


def _room(state: State, order: Order) -> Decimal:
    """How much of an order may trade now."""
    if not isinstance(order, FuturesOrder) or not order.reduce_only:
        return order.remaining
    return min(order.remaining, state.account(order.account).position_of(order).room(order.side))


def _capped(state: State, order: Order) -> Order:
    """The order as far as it may trade."""
    room = _room(state, order)
    return order if room == order.remaining else replace(order, quantity=order.executed + room)


def _match(exchange: Recorder, market: ContractMarket, taker: Order, at: int) -> bool:
    """Let an order trade as far as it can; whether self-trade prevention ends it.

    A trade can leave a reduce-only order behind it in the queue nothing to reduce; then the rest is planned again.
    """
    while True:
        planned = plan(market.book, _capped(exchange.state, taker), market.pair.step)
        for maker in planned.expired_makers:
            exchange.close(exchange.state.orders[maker.id], Status.EXPIRED_IN_MATCH, at)
        if _carry_out(exchange, market, taker, planned, at):
            return planned.taker_expires


def _carry_out(exchange: Recorder, market: ContractMarket, taker: Order, planned: Plan, at: int) -> bool:
    """Trade as planned; False when a maker could trade less than planned. Such a maker is gone from the book then."""
    for maker, quantity in planned.fills:
        allowed = min(quantity, _room(exchange.state, maker)) if maker.is_open else ZERO
        if allowed > ZERO:
            _trade(exchange, market, taker, maker, allowed, at)
        if allowed < quantity:
            return False
    return True


def _trade(exchange: Recorder, market: ContractMarket, taker: Order, maker: Order, quantity: Decimal, at: int) -> None:
    """Let two orders trade, in one trade or in pieces of whole lots; the last piece takes what is left."""
    wanted = max((exchange.pieces(order, at) for order in (taker, maker) if order.account), default=1)
    if wanted > 1:
        lots = int(quantity // market.pair.step)
        piece = max(lots // wanted, 1) * market.pair.step
        for _ in range(min(lots, wanted) - 1):
            exchange_contracts(exchange, market, taker, maker, piece, at)
            quantity -= piece
    exchange_contracts(exchange, market, taker, maker, quantity, at)
    for order in (taker, maker):
        if order.account:
            _end_idle(exchange, exchange.state.orders[order.id], at)


def exchange_contracts(
    exchange: Recorder, market: ContractMarket, taker: Order, maker: Order, quantity: Decimal, at: int
) -> None:
    """One trade at the maker's price. An order without an account is the market maker's or the crowd's."""
    for order in (taker, maker):
        if not order.account:
            market.book.reduce(order, quantity)
            order.executed += quantity
            if not order.remaining and market.quotes.get((order.side, order.price)) is order:
                del market.quotes[order.side, order.price]
    state, price = exchange.state, maker.price
    number = max(state.last_trade + 2, 2 * (at - TRADE_EPOCH) + 1)
    taker_id, maker_id = (order.id if order.account else HOUSE for order in (taker, maker))
    exchange.record(
        Traded(
            number, market.pair.symbol, price, quantity, taker.side, taker_id, maker_id,
            price * quantity * TAKER_FEE if taker_id else ZERO, price * quantity * MAKER_FEE if maker_id else ZERO, at,
            _profit(state, taker_id, quantity, price), _profit(state, maker_id, quantity, price),
        )
    )  # fmt: skip


def _profit(state: State, number: int, quantity: Decimal, price: Decimal) -> Decimal:
    if number == HOUSE:
        return ZERO
    order = state.orders[number]
    return state.account(order.account).position_of(order).after(order.side, quantity, price)[1]


def _end_idle(exchange: Recorder, traded: FuturesOrder, at: int) -> None:
    """End the reduce-only orders that a trade left nothing to reduce."""
    account = exchange.state.account(traded.account)
    for order in list(account.open_orders.values()):
        same = order.symbol == traded.symbol and order.position_side is traded.position_side
        if same and order.reduce_only and not account.position_of(order).room(order.side):
            exchange.close(order, Status.EXPIRED, at)
