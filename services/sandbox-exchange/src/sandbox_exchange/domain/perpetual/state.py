"""The state of the futures exchange, and how each event changes it. The same code runs live and in a replay of the journal."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import assert_never

from sandbox_exchange.domain.perpetual.accounts import FuturesAccount, FuturesFill, Income, IncomeType
from sandbox_exchange.domain.perpetual.contracts import Contract
from sandbox_exchange.domain.perpetual.events import (
    Deposited,
    Event,
    FundingPaceSet,
    FundingPaid,
    FundingSettled,
    InsuranceCleared,
    LeverageSet,
    MarginCalled,
    OrderAccepted,
    PositionModeSet,
    Traded,
    Withdrawn,
)
from sandbox_exchange.domain.perpetual.orders import FuturesOrder
from sandbox_exchange.domain.refusals import invalid_symbol
from sandbox_exchange.domain.spot.events import OrderClosed
from sandbox_exchange.domain.spot.orders import HOUSE, ZERO, Status
from sandbox_exchange.domain.spot.state import Market

FIRST_ORDER = 5_000_000
FIRST_TRAN = 9_000_000
FUNDINGS_KEPT = 1000
EIGHT_HOURS = 28_800


@dataclass(slots=True)
class ContractMarket(Market):
    """A contract's book, tape and prices. `mark`, `index` and `rate` are zero until the market is first marked."""

    pair: Contract
    mark: Decimal = ZERO
    index: Decimal = ZERO
    rate: Decimal = ZERO
    fundings: deque[FundingSettled] = field(default_factory=lambda: deque(maxlen=FUNDINGS_KEPT))


class State:
    """Accounts, orders, books and counters. Only `evolve`, `recall` and `restore` change what the journal keeps."""

    def __init__(self, contracts: Iterable[Contract]) -> None:
        self.markets = {contract.symbol: ContractMarket(contract) for contract in contracts}
        self.accounts: dict[str, FuturesAccount] = {}
        self.orders: dict[int, FuturesOrder] = {}
        self.last_order = FIRST_ORDER
        self.last_trade = 0
        self.last_tran = FIRST_TRAN
        self.funding_seconds = EIGHT_HOURS
        self.paced_at = 0

    def market(self, symbol: str) -> ContractMarket:
        """The market of a symbol. Raises Refused -1121 for one that is not listed."""
        found = self.markets.get(symbol)
        if found is None:
            raise invalid_symbol()
        return found

    def account(self, account: str) -> FuturesAccount:
        """An account's futures side; every account of the exchange has one."""
        found = self.accounts.get(account)
        if found is None:
            found = self.accounts[account] = FuturesAccount(account)
        return found

    def evolve(self, event: Event) -> None:
        """Apply one fact. It is never refused: what happened has happened."""
        match event:
            case OrderAccepted():
                self._accept(event)
            case Traded():
                self._settle(event)
                self.recall(event)
            case OrderClosed():
                self._close(event)
            case Deposited() | Withdrawn() | FundingPaid() | InsuranceCleared():
                self._move(event)
            case FundingSettled():
                self.markets[event.symbol].fundings.append(event)
            case LeverageSet():
                self.account(event.account).leverages[event.symbol] = event.leverage
            case PositionModeSet():
                self.account(event.account).hedge = event.hedge
            case FundingPaceSet():
                self.funding_seconds, self.paced_at = event.seconds, event.at
            case MarginCalled():
                pass
            case _:
                assert_never(event)

    def recall(self, event: Traded) -> None:
        """Add a trade to the tape and to its accounts' fills, without moving any wallet or position."""
        market = self.markets[event.symbol]
        market.last_price = event.price
        market.recent.append(event)
        market.trades.setdefault(event.at // 60_000, []).append(event)
        self.last_trade = max(self.last_trade, event.trade)
        for order_id, is_maker in ((event.taker, False), (event.maker, True)):
            if order_id != HOUSE:
                order = self.orders[order_id]
                self.account(order.account).add_fill(FuturesFill(event, order, is_maker))

    def restore(self, order: FuturesOrder) -> None:
        """Put an order of a snapshot in its place; orders come in the order of their ids, so queues keep their priority."""
        self.orders[order.id] = order
        self.account(order.account).add_order(order)
        self.last_order = max(self.last_order, order.id)
        if order.is_open and order.rests:
            self.markets[order.symbol].book.add(order)

    def _accept(self, event: OrderAccepted) -> None:
        self.restore(
            FuturesOrder(
                event.order, event.account, event.symbol, event.side, event.type, event.time_in_force, event.price,
                event.quantity, ZERO, event.client_order_id, event.self_trade, event.at, event.at,
                position_side=event.position_side, reduce_only=event.reduce_only,
            )
        )  # fmt: skip

    def _settle(self, event: Traded) -> None:
        for number, fee, profit in (
            (event.taker, event.taker_fee, event.taker_profit),
            (event.maker, event.maker_fee, event.maker_profit),
        ):
            if number != HOUSE:
                self._fill(self.orders[number], event, fee, profit)

    def _fill(self, order: FuturesOrder, event: Traded, fee: Decimal, profit: Decimal) -> None:
        account = self.account(order.account)
        self.markets[order.symbol].book.reduce(order, event.quantity)
        order.executed += event.quantity
        order.quote_executed += event.price * event.quantity
        order.updated_at = account.updated_at = event.at
        order.status = Status.PARTIALLY_FILLED if order.executed < order.quantity else Status.FILLED
        if order.status is Status.FILLED:
            del account.open_orders[order.id]
        position, _ = account.position_of(order).after(order.side, event.quantity, event.price)
        account.positions[order.symbol, order.position_side] = position
        for kind, amount in ((IncomeType.REALIZED_PNL, profit), (IncomeType.COMMISSION, -fee)):
            if amount:
                account.earn(Income(kind, order.symbol, amount, event.trade, event.trade, event.at, order.position_side))

    def _close(self, event: OrderClosed) -> None:
        order = self.orders[event.order]
        account = self.account(order.account)
        if order.rests:
            self.markets[order.symbol].book.remove(order)
        order.status = event.status
        order.updated_at = account.updated_at = event.at
        del account.open_orders[order.id]

    def _move(self, event: Deposited | Withdrawn | FundingPaid | InsuranceCleared) -> None:
        self.last_tran = max(self.last_tran, event.tran)
        account = self.account(event.account)
        match event:
            case FundingPaid():
                side = event.position_side
                income = Income(IncomeType.FUNDING_FEE, event.symbol, event.amount, event.tran, 0, event.at, side)
            case InsuranceCleared():
                income = Income(IncomeType.INSURANCE_CLEAR, "", event.amount, event.tran, 0, event.at)
            case _:
                amount = event.amount if isinstance(event, Deposited) else -event.amount
                income = Income(IncomeType.TRANSFER, "", amount, event.tran, 0, event.at)
        account.earn(income)
