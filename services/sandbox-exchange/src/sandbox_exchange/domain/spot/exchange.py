"""The exchange: `apply(command, time)` decides, changes the state and says what happened. Nothing else changes it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Context, DivisionByZero, Inexact, InvalidOperation, Overflow, localcontext
from typing import assert_never

from sandbox_exchange.domain.market.pairs import Pair
from sandbox_exchange.domain.refusals import Refused, insufficient_balance, unknown_api_key, unknown_order
from sandbox_exchange.domain.spot import trading
from sandbox_exchange.domain.spot.accounts import Account
from sandbox_exchange.domain.spot.commands import (
    CancelAll,
    CancelOrder,
    Command,
    Deposit,
    OpenAccount,
    PlaceOrder,
    Quote,
    SetPrice,
    Sweep,
    Withdraw,
)
from sandbox_exchange.domain.spot.events import AccountOpened, Deposited, Event, OrderClosed, PriceSet, Withdrawn
from sandbox_exchange.domain.spot.filters import is_amount
from sandbox_exchange.domain.spot.orders import Order, Status
from sandbox_exchange.domain.spot.state import State

EXACT = Context(prec=60, traps=[Inexact, InvalidOperation, DivisionByZero, Overflow])
"""Every amount is exact: an operation that would round is a bug, and raises."""

type Observer = Callable[[Event], None]


class Exchange:
    """A deterministic exchange: the same commands at the same times give the same events and the same state.

    `observer` is called after each event, when the state is exactly that event's outcome. `pieces` says into how many
    trades a match of an account's order at a time is cut; the trades are facts, so a replay does not ask it.
    """

    def __init__(self, pairs: Iterable[Pair]) -> None:
        self.state = State(pairs)
        self.observer: Observer | None = None
        self.pieces: Callable[[Order, int], int] = lambda order, at: 1
        self._happened: list[Event] = []

    def apply(self, command: Command, at: int) -> list[Event]:
        """Carry out a command at time `at` (ms). Raises Refused, and then nothing has changed."""
        self._happened = []
        with localcontext(EXACT):
            self._decide(command, at)
        return self._happened

    def replay(self, events: Iterable[Event]) -> None:
        """Fold events of the journal into the state."""
        with localcontext(EXACT):
            for event in events:
                self.state.evolve(event)

    def account(self, api_key: str) -> Account:
        """The account of an API key. Raises Refused -2015."""
        found = self.state.by_api_key.get(api_key)
        if found is None:
            raise unknown_api_key()
        return found

    def record(self, event: Event) -> None:
        """Let an event happen now."""
        self.state.evolve(event)
        self._happened.append(event)
        if self.observer is not None:
            self.observer(event)

    def close(self, order: Order, status: Status, at: int, cancel_id: str = "") -> None:
        """End an open order."""
        self.record(OrderClosed(order.id, status, cancel_id, at))

    def _decide(self, command: Command, at: int) -> None:
        match command:
            case PlaceOrder():
                trading.place(self, command, at)
            case CancelOrder():
                self._cancel(command, at)
            case CancelAll():
                self._cancel_all(command, at)
            case Quote():
                trading.quote(self, command, at)
            case Sweep():
                trading.sweep(self, command, at)
            case Deposit() | Withdraw():
                self._transfer(command, at)
            case OpenAccount():
                self._open(command, at)
            case SetPrice():
                self.state.market(command.symbol)
                self.record(PriceSet(command.symbol, command.price, command.raw, at))
            case _:
                assert_never(command)

    def _open(self, command: OpenAccount, at: int) -> None:
        if not all(is_amount(amount) for _, amount in command.balances):
            raise Refused(-1100, "A balance must be a positive amount with at most eight decimals.")
        account = str(len(self.state.accounts) + 1).zfill(6)
        self.record(AccountOpened(account, command.api_key, command.api_secret, at))
        for asset, amount in command.balances:
            self.record(Deposited(account, asset, amount, at))

    def _transfer(self, command: Deposit | Withdraw, at: int) -> None:
        if not is_amount(command.amount):
            raise Refused(-1100, "An amount must be positive and have at most eight decimals.")
        if isinstance(command, Deposit):
            self.record(Deposited(command.account, command.asset, command.amount, at))
            return
        held = self.state.accounts[command.account].balances.get(command.asset)
        if held is None or held.free < command.amount:
            raise insufficient_balance()
        self.record(Withdrawn(command.account, command.asset, command.amount, at))

    def _cancel(self, command: CancelOrder, at: int) -> None:
        account = self.state.accounts[command.account]
        self.state.market(command.symbol)
        order = find_order(account, command.symbol, command.order_id, command.client_order_id)
        if order is None or not order.is_open:
            raise unknown_order()
        self.close(order, Status.CANCELED, at, command.cancel_id)

    def _cancel_all(self, command: CancelAll, at: int) -> None:
        self.state.market(command.symbol)
        orders = [o for o in self.state.accounts[command.account].open_orders.values() if o.symbol == command.symbol]
        if not orders:
            raise unknown_order()
        for order in orders:
            self.close(order, Status.CANCELED, at)


def find_order(account: Account, symbol: str, order_id: int | None, client_order_id: str | None) -> Order | None:
    """An account's order by exchange id or by client id; when both are given both must match."""
    if order_id is None:
        return account.by_client_id.get((symbol, client_order_id or ""))
    order = account.orders.get(order_id)
    if order is None or order.symbol != symbol or (client_order_id and order.client_order_id != client_order_id):
        return None
    return order
