"""The futures exchange: `apply(command, time)` decides, changes the state and says what happened. Nothing else changes it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import localcontext
from typing import assert_never

from sandbox_exchange.domain import refusals
from sandbox_exchange.domain.perpetual import margin, settlement, trading
from sandbox_exchange.domain.perpetual.commands import (
    Command,
    Deposit,
    Mark,
    MarketCommand,
    PlaceOrder,
    SetFundingPace,
    SetLeverage,
    SetPositionMode,
    SettleFunding,
    Withdraw,
)
from sandbox_exchange.domain.perpetual.contracts import Contract
from sandbox_exchange.domain.perpetual.events import (
    Deposited,
    Event,
    FundingPaceSet,
    LeverageSet,
    PositionModeSet,
    Withdrawn,
)
from sandbox_exchange.domain.perpetual.orders import FuturesOrder
from sandbox_exchange.domain.perpetual.state import State
from sandbox_exchange.domain.refusals import Refused
from sandbox_exchange.domain.spot.commands import CancelAll, CancelOrder, Quote, Sweep
from sandbox_exchange.domain.spot.events import OrderClosed
from sandbox_exchange.domain.spot.exchange import EXACT
from sandbox_exchange.domain.spot.filters import is_amount
from sandbox_exchange.domain.spot.orders import Order, Status


class FuturesExchange:
    """A deterministic exchange: the same commands at the same times give the same events and the same state.

    `observer` is called after each event, when the state is exactly that event's outcome. `pieces` says into how many
    trades a match of an account's order at a time is cut; the trades are facts, so a replay does not ask it.
    """

    def __init__(self, contracts: Iterable[Contract]) -> None:
        self.state = State(contracts)
        self.observer: Callable[[Event], None] | None = None
        self.pieces: Callable[[Order, int], int] = lambda order, at: 1
        self._happened: list[Event] = []
        self._warned: set[str] = set()

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

    def record(self, event: Event) -> None:
        """Let an event happen now."""
        self.state.evolve(event)
        self._happened.append(event)
        if self.observer is not None:
            self.observer(event)

    def close(self, order: FuturesOrder, status: Status, at: int, cancel_id: str = "") -> None:
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
            case Deposit() | Withdraw():
                self._transfer(command, at)
            case SetLeverage():
                self._set_leverage(command, at)
            case SetPositionMode():
                self._set_mode(command, at)
            case _:
                self._move_market(command, at)

    def _move_market(self, command: MarketCommand, at: int) -> None:
        match command:
            case Quote():
                trading.quote(self, command, at)
            case Sweep():
                trading.sweep(self, command, at)
            case Mark():
                self._mark(command, at)
            case SettleFunding():
                market = self.state.market(command.symbol)
                settlement.settle(self, market, market.rate if command.rate is None else command.rate, at, at)
                settlement.assess(self, market, self._warned, at)
            case SetFundingPace():
                self.record(FundingPaceSet(command.seconds, at))
            case _:
                assert_never(command)

    def _mark(self, command: Mark, at: int) -> None:
        market = self.state.market(command.symbol)
        market.mark, market.index, market.rate = command.mark, command.index, command.rate
        settlement.settle_due(self, market, at)
        settlement.assess(self, market, self._warned, at)

    def _transfer(self, command: Deposit | Withdraw, at: int) -> None:
        if not is_amount(command.amount):
            raise Refused(-1100, "An amount must be positive and have at most eight decimals.")
        tran = self.state.last_tran + 1
        if isinstance(command, Deposit):
            self.record(Deposited(command.account, command.amount, tran, at))
            return
        account = self.state.account(command.account)
        left = margin.available(account, margin.of_account(account, self.state.markets))
        # Unrealised profit is margin, but no money yet.
        if min(left, account.wallet) < command.amount:
            raise refusals.margin_insufficient()
        self.record(Withdrawn(command.account, command.amount, tran, at))

    def _set_leverage(self, command: SetLeverage, at: int) -> None:
        market, account = self.state.market(command.symbol), self.state.account(command.account)
        if not 1 <= command.leverage <= market.pair.max_leverage:
            raise refusals.invalid_leverage(command.leverage)
        before = account.leverage(command.symbol)
        if command.leverage == before:
            return
        needed = margin.of_contract(account, market).initial
        left = margin.available(account, margin.of_account(account, self.state.markets))
        # Exact enough to decide by: both sides are rounded to eight decimals.
        if needed * before > (left + needed) * command.leverage and command.leverage < before:
            raise refusals.leverage_too_small()
        self.record(LeverageSet(command.account, command.symbol, command.leverage, at))

    def _set_mode(self, command: SetPositionMode, at: int) -> None:
        account = self.state.account(command.account)
        if account.hedge is command.hedge:
            raise refusals.same_position_mode()
        if account.open_orders:
            raise refusals.position_mode_with_orders()
        if margin.held(account):
            raise refusals.position_mode_with_positions()
        self.record(PositionModeSet(command.account, command.hedge, at))

    def _cancel(self, command: CancelOrder, at: int) -> None:
        self.state.market(command.symbol)
        order = self.state.account(command.account).find(command.symbol, command.order_id, command.client_order_id)
        if order is None or not order.is_open:
            raise refusals.unknown_order()
        self.close(order, Status.CANCELED, at, command.cancel_id)

    def _cancel_all(self, command: CancelAll, at: int) -> None:
        self.state.market(command.symbol)
        for order in list(self.state.account(command.account).open_orders.values()):
            if order.symbol == command.symbol:
                self.close(order, Status.CANCELED, at)
