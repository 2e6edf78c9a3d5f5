"""Whatever is done to the futures exchange: money is conserved, and the journal tells the whole state."""

from __future__ import annotations

import json
from contextlib import suppress
from decimal import Decimal, localcontext

from futures_rig import AT, MAKER, SYMBOL, TAKER, opened
from hypothesis import given, settings
from hypothesis import strategies as st
from sandbox_exchange.domain.perpetual import snapshot
from sandbox_exchange.domain.perpetual.accounts import FuturesAccount, IncomeType
from sandbox_exchange.domain.perpetual.commands import (
    Command,
    Deposit,
    Mark,
    PlaceOrder,
    SetLeverage,
    SetPositionMode,
    SettleFunding,
    Withdraw,
)
from sandbox_exchange.domain.perpetual.contracts import LISTED
from sandbox_exchange.domain.perpetual.events import Event, FundingPaid, Traded, from_record, to_record
from sandbox_exchange.domain.perpetual.exchange import FuturesExchange
from sandbox_exchange.domain.perpetual.positions import Position, PositionSide
from sandbox_exchange.domain.perpetual.state import State
from sandbox_exchange.domain.refusals import Refused
from sandbox_exchange.domain.spot.commands import CancelOrder, Quote, Sweep
from sandbox_exchange.domain.spot.exchange import EXACT
from sandbox_exchange.domain.spot.orders import OrderType, Side, TimeInForce

accounts, sides = st.sampled_from([MAKER, TAKER, "000003"]), st.sampled_from(Side)
prices = st.integers(950, 1050).map(lambda ticks: Decimal(ticks) / 10)
quantities = st.integers(1, 40_000).map(lambda lots: Decimal(lots) / 1000)

orders = st.builds(
    PlaceOrder,
    account=accounts,
    symbol=st.just(SYMBOL),
    side=sides,
    type=st.sampled_from([OrderType.LIMIT, OrderType.LIMIT, OrderType.LIMIT_MAKER]),
    quantity=quantities,
    price=prices,
    time_in_force=st.sampled_from([TimeInForce.GTC, TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK]),
    position_side=st.sampled_from([PositionSide.BOTH, PositionSide.BOTH, PositionSide.LONG, PositionSide.SHORT]),
    reduce_only=st.sampled_from([False, False, True]),
)
markets = st.builds(
    PlaceOrder,
    accounts,
    st.just(SYMBOL),
    sides,
    st.just(OrderType.MARKET),
    quantities,
    position_side=st.sampled_from(PositionSide),
)
cancels = st.builds(CancelOrder, accounts, st.just(SYMBOL), st.integers(5_000_001, 5_000_030))
moves = st.builds(Mark, st.just(SYMBOL), prices, prices, st.just(Decimal("0.0001")))
fundings = st.builds(
    SettleFunding, st.just(SYMBOL), st.integers(-300_000, 300_000).map(lambda parts: Decimal(parts) / Decimal(10**8))
)
sweeps = st.builds(Sweep, st.just(SYMBOL), sides, prices, quantities)
settings_ = st.builds(SetPositionMode, accounts, st.booleans()) | st.builds(
    SetLeverage, accounts, st.just(SYMBOL), st.integers(1, 125)
)
transfers = st.builds(Deposit, accounts, quantities) | st.builds(Withdraw, accounts, quantities)


@st.composite
def ladders(draw: st.DrawFn) -> Quote:
    middle = draw(st.integers(960, 1040))
    sizes = [Decimal(size) / 1000 for size in draw(st.lists(st.integers(1, 30_000), min_size=1, max_size=3))]
    return Quote(
        SYMBOL,
        tuple((Decimal(middle - 7 * index) / 10, size) for index, size in enumerate(sizes, 1)),
        tuple((Decimal(middle + 7 * index) / 10, size) for index, size in enumerate(sizes, 1)),
    )


commands = orders | orders | markets | cancels | moves | fundings | sweeps | settings_ | transfers | ladders()


def ready() -> tuple[FuturesExchange, list[Event]]:
    return opened(MAKER, TAKER, "000003", funds="500")


def run(exchange: FuturesExchange, todo: list[Command]) -> list[Event]:
    journal: list[Event] = []
    for index, command in enumerate(todo):
        with suppress(Refused):
            journal += exchange.apply(command, AT + index)
    return journal


def digest(state: State) -> list[str]:
    return [json.dumps(record, sort_keys=True) for record in snapshot.dump(state)]


def income(account: FuturesAccount, *kinds: IncomeType) -> Decimal:
    return sum((each.amount for each in account.income if each.type in kinds), Decimal(0))


def earned(account: FuturesAccount, *, fees: bool = False) -> Decimal:
    """What an account's trades brought in: sales minus purchases, or the fees they cost. Counted from the trades alone."""
    fills = account.fills.get(SYMBOL, [])
    if fees:
        return sum((fill.commission for fill in fills), Decimal(0))
    return sum((fill.quote_quantity * (-1 if fill.order.side is Side.BUY else 1) for fill in fills), Decimal(0))


@settings(max_examples=120, deadline=None)
@given(st.lists(commands, max_size=50))
def test_wallets_are_what_came_in_and_was_made_to_the_last_digit(todo: list[Command]) -> None:
    exchange, _ = ready()
    journal = run(exchange, todo)
    with localcontext(EXACT):
        for account in exchange.state.accounts.values():
            assert account.wallet == sum((each.amount for each in account.income), Decimal(0))
            assert account.wallet >= 0 or any(position != Position() for position in account.positions.values())
            assert income(account, IncomeType.COMMISSION) == -earned(account, fees=True)
            cost = sum((p.cost if p.amount > 0 else -p.cost for p in account.positions.values()), Decimal(0))
            assert income(account, IncomeType.REALIZED_PNL) == earned(account) + cost
            net = sum((position.amount for position in account.positions.values()), Decimal(0))
            bought = sum(
                (f.trade.quantity * (1 if f.order.side is Side.BUY else -1) for f in account.fills.get(SYMBOL, [])), Decimal(0)
            )
            assert net == bought
            paid = sum((e.amount for e in journal if isinstance(e, FundingPaid) and e.account == account.id), Decimal(0))
            assert income(account, IncomeType.FUNDING_FEE) == paid
            keys = [(each.type, each.tran) for each in account.income]
            assert len(keys) == len(set(keys))
    trades = [event.trade for event in journal if isinstance(event, Traded)]
    assert trades == sorted(set(trades))


@settings(max_examples=80, deadline=None)
@given(st.lists(commands, max_size=50))
def test_orders_and_positions_keep_their_promises(todo: list[Command]) -> None:
    exchange, _ = ready()
    run(exchange, todo)
    for account in exchange.state.accounts.values():
        for (_, side), position in account.positions.items():
            assert position.cost >= 0
            assert (position.amount == 0) == (position.cost == 0)
            assert side is not PositionSide.LONG or position.amount >= 0
            assert side is not PositionSide.SHORT or position.amount <= 0
        for order in account.open_orders.values():
            assert order.is_open
            assert order.rests
            assert not order.reduce_only or account.position_of(order).room(order.side) > 0
        for order in account.orders.values():
            assert order.executed <= order.quantity


@settings(max_examples=80, deadline=None)
@given(st.lists(commands, max_size=50))
def test_the_journal_and_the_snapshot_give_the_state_back(todo: list[Command]) -> None:
    exchange, journal = ready()
    journal += run(exchange, todo)
    replayed, loaded = FuturesExchange(LISTED), FuturesExchange(LISTED)
    replayed.replay(from_record(json.loads(json.dumps(to_record(event)))) for event in journal)
    assert digest(replayed.state) == digest(exchange.state)
    for line in digest(exchange.state):
        snapshot.load(loaded.state, json.loads(line))
    assert digest(loaded.state) == digest(exchange.state)
    book = exchange.state.markets[SYMBOL].book
    for other in (replayed, loaded):
        for side in Side:
            again = other.state.markets[SYMBOL].book.queue(side)
            assert [order.id for order in again] == [order.id for order in book.queue(side) if order.account]


@given(st.lists(st.tuples(sides, quantities, prices), max_size=20), prices)
def test_a_positions_profits_are_what_its_trades_made(trades: list[tuple[Side, Decimal, Decimal]], last: Decimal) -> None:
    position, realised, cash = Position(), Decimal(0), Decimal(0)
    for side, quantity, price in trades:
        position, profit = position.after(side, quantity, price)
        realised += profit
        cash += quantity * price * (-1 if side is Side.BUY else 1)
    assert realised + position.unrealised(last) == cash + position.amount * last
    if position.amount:
        assert Decimal(95) <= position.entry_price.quantize(Decimal("0.1")) <= 105
