"""Whatever is done to the exchange: assets are conserved, priority holds, and the journal tells the whole state."""

from __future__ import annotations

import json
from contextlib import suppress
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st
from sandbox_exchange.domain.market.pairs import LISTED
from sandbox_exchange.domain.refusals import Refused
from sandbox_exchange.domain.spot import snapshot
from sandbox_exchange.domain.spot.commands import CancelOrder, Command, Deposit, OpenAccount, PlaceOrder, Quote, Sweep, Withdraw
from sandbox_exchange.domain.spot.events import Event, from_record, to_record
from sandbox_exchange.domain.spot.exchange import Exchange
from sandbox_exchange.domain.spot.orders import OrderType, SelfTrade, Side, TimeInForce
from sandbox_exchange.domain.spot.state import State

SYMBOL = "BTCUSDT"
AT = 1_790_000_000_000
ACCOUNTS = ("000001", "000002", "000003")

accounts, sides = st.sampled_from(ACCOUNTS), st.sampled_from(Side)
prices = st.integers(9_500, 10_500).map(lambda ticks: Decimal(ticks) / 100)
quantities = st.integers(1, 300_000).map(lambda lots: Decimal(lots) / 100_000)
amounts = st.integers(1, 10**12).map(lambda units: Decimal(units) / 10**8)

limits = st.builds(
    PlaceOrder,
    account=accounts,
    symbol=st.just(SYMBOL),
    side=sides,
    type=st.just(OrderType.LIMIT),
    quantity=quantities,
    price=prices,
    time_in_force=st.sampled_from([TimeInForce.GTC, TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK]),
    client_order_id=st.sampled_from(["", "", "a", "b"]),
    self_trade=st.sampled_from(SelfTrade),
)
makers = st.builds(PlaceOrder, accounts, st.just(SYMBOL), sides, st.just(OrderType.LIMIT_MAKER), quantities, prices)
by_quantity = st.builds(PlaceOrder, accounts, st.just(SYMBOL), sides, st.just(OrderType.MARKET), quantities)
by_quote = st.builds(
    PlaceOrder,
    account=accounts,
    symbol=st.just(SYMBOL),
    side=sides,
    type=st.just(OrderType.MARKET),
    quote_quantity=st.integers(500, 50_000).map(lambda cents: Decimal(cents) / 100),
)
cancels = st.builds(CancelOrder, accounts, st.just(SYMBOL), st.integers(1_000_001, 1_000_030))
transfers = st.builds(Deposit, accounts, st.sampled_from(["BTC", "USDT"]), amounts) | st.builds(
    Withdraw, accounts, st.sampled_from(["BTC", "USDT"]), amounts
)
sweeps = st.builds(Sweep, st.just(SYMBOL), sides, prices, quantities)


@st.composite
def ladders(draw: st.DrawFn) -> Quote:
    middle = draw(st.integers(9_500, 10_500))
    sizes = draw(st.lists(st.integers(1, 200_000), min_size=1, max_size=3))
    levels = [(index, Decimal(size) / 100_000) for index, size in enumerate(sizes, 1)]
    return Quote(
        SYMBOL,
        tuple((Decimal(middle - 7 * index) / 100, size) for index, size in levels),
        tuple((Decimal(middle + 7 * index) / 100, size) for index, size in levels),
    )


commands = limits | limits | makers | by_quantity | by_quote | cancels | transfers | sweeps | ladders()


def opened() -> tuple[Exchange, list[Event]]:
    exchange = Exchange(LISTED)
    exchange.state.markets[SYMBOL].last_price = Decimal(100)
    journal: list[Event] = []
    for account in ACCOUNTS:
        funds = (("USDT", Decimal(1000)), ("BTC", Decimal(5)))
        journal += exchange.apply(OpenAccount(f"key{account}", "secret", funds), AT)
    return exchange, journal


def run(exchange: Exchange, todo: list[Command]) -> list[Event]:
    journal: list[Event] = []
    for index, command in enumerate(todo):
        with suppress(Refused):
            journal += exchange.apply(command, AT + index)
        check(exchange.state)
    return journal


def check(state: State) -> None:
    """What holds after every command."""
    book = state.markets[SYMBOL].book
    bid, ask = book.best(Side.BUY), book.best(Side.SELL)
    assert bid is None or ask is None or bid < ask, "the book is crossed"
    for account in state.accounts.values():
        assert all(b.free >= 0 and b.locked >= 0 for b in account.balances.values())
        locked = {"BTC": Decimal(0), "USDT": Decimal(0)}
        for order in account.open_orders.values():
            asset = "USDT" if order.side is Side.BUY else "BTC"
            locked[asset] += order.remaining * (order.price if order.side is Side.BUY else 1)
        assert {asset: account.balance(asset).locked for asset in locked} == locked
    for side in Side:
        waiting = list(book.queue(side))
        assert all(order.remaining > 0 for order in waiting)
        assert sum((quantity for _, quantity in book.depth(side, 10**6)), Decimal(0)) == sum(o.remaining for o in waiting)


def totals(state: State) -> dict[str, Decimal]:
    """Everything there is of each asset: accounts, fees, and what the market maker won or lost."""
    result = {}
    for asset in ("BTC", "USDT"):
        held = sum((a.balance(asset).free + a.balance(asset).locked for a in state.accounts.values()), Decimal(0))
        result[asset] = held + state.fees.get(asset, Decimal(0)) + state.house.get(asset, Decimal(0))
    return result


def digest(state: State) -> list[str]:
    return [json.dumps(record, sort_keys=True) for record in snapshot.dump(state)]


def queues(state: State) -> dict[Side, list[int]]:
    """The accounts' orders in matching order."""
    return {side: [o.id for o in state.markets[SYMBOL].book.queue(side) if o.account] for side in Side}


@settings(max_examples=60, deadline=None)
@given(st.lists(commands, max_size=40))
def test_assets_are_conserved(todo: list[Command]) -> None:
    exchange, _ = opened()
    before = totals(exchange.state)
    journal = run(exchange, [command for command in todo if not isinstance(command, Deposit | Withdraw)])
    assert totals(exchange.state) == before
    trades = [event for event in journal if type(event).__name__ == "Traded"]
    numbers = [trade.trade for trade in trades]  # type: ignore[union-attr]
    assert numbers == sorted(set(numbers))


@settings(max_examples=60, deadline=None)
@given(st.lists(commands, max_size=40))
def test_the_journal_and_the_snapshot_give_the_state_back(todo: list[Command]) -> None:
    exchange, journal = opened()
    journal += run(exchange, todo)
    replayed = Exchange(LISTED)
    replayed.replay(from_record(json.loads(json.dumps(to_record(event)))) for event in journal)
    assert digest(replayed.state) == digest(exchange.state)
    assert queues(replayed.state) == queues(exchange.state)
    loaded = Exchange(LISTED)
    snapshot.load(loaded.state, [json.loads(line) for line in digest(exchange.state)])
    assert digest(loaded.state) == digest(exchange.state)
    assert queues(loaded.state) == queues(exchange.state)


@settings(max_examples=30, deadline=None)
@given(st.lists(commands, max_size=30))
def test_the_same_commands_give_the_same_events(todo: list[Command]) -> None:
    first, second = opened()[0], opened()[0]
    assert run(first, todo) == run(second, todo)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(prices, quantities), min_size=1, max_size=12), prices, quantities)
def test_a_taker_gets_the_best_prices_in_order_of_arrival(
    resting: list[tuple[Decimal, Decimal]], limit: Decimal, quantity: Decimal
) -> None:
    exchange, _ = opened()
    exchange.apply(Deposit("000001", "BTC", Decimal(1000)), AT)
    exchange.apply(Deposit("000002", "USDT", Decimal(10**6)), AT)
    offers = []
    for price, size in resting:
        if price * size >= 5:
            exchange.apply(PlaceOrder("000001", SYMBOL, Side.SELL, OrderType.LIMIT, size, price), AT)
            offers.append((price, exchange.state.last_order, size))
    if limit * quantity < 5:
        return
    events = exchange.apply(PlaceOrder("000002", SYMBOL, Side.BUY, OrderType.LIMIT, quantity, limit), AT)
    traded = [(event.price, event.maker, event.quantity) for event in events if type(event).__name__ == "Traded"]  # type: ignore[union-attr]
    left, expected = quantity, []
    for price, order, size in sorted(offers):
        if price <= limit and left:
            expected.append((price, order, min(size, left)))
            left -= min(size, left)
    assert traded == expected
