"""Commands of a running session: place, cancel, cancel all, refresh balances. The intent is stored before anything is sent."""

from __future__ import annotations

import asyncio
import math
import time
from decimal import Decimal, InvalidOperation

from contracts.message import Metadata, utc_now
from contracts.rejections import CommandUnreadable, Unavailable
from contracts.trading import (
    Balance,
    BalancesRead,
    CancelOrder,
    CancelOrders,
    CancelRequested,
    ClosePositions,
    OrderAboveMaximum,
    OrderAccepted,
    OrderIdReused,
    OrderPlaced,
    OrderRateExceeded,
    OrderStatus,
    OrderType,
    OrderUnknown,
    PlaceOrder,
    RefreshBalances,
    RehearseCancel,
)
from eventlog.errors import Fenced
from eventlog.execute import execute, load

from trading.domain import money
from trading.domain.order import ORDER, same_request
from trading.domain.order_commands import Place, RecordRefused, RequestCancel
from trading.domain.order_state import Order
from trading.domain.rules import Market
from trading.domain.session import RecordBalances
from trading.handlers.exchange import OrderTicket, TradingRule
from trading.handlers.live import STORE_AGAIN_SECONDS, Live, Tracked, order_stream, ticket_of
from trading.handlers.outcomes import Outcomes
from trading.handlers.risk import RiskGuard


class Orders:
    """Serves the order commands of one session."""

    def __init__(self, live: Live, outcomes: Outcomes, risk: RiskGuard) -> None:
        self._live = live
        self._outcomes = outcomes
        self._risk = risk

    async def place(self, command: PlaceOrder, metadata: Metadata) -> OrderAccepted:
        """Store the intent and answer; the order is sent in the background.

        The same command again is the same order. Refused as `PlaceOrder` says, and OrderIdReused, OrderRateExceeded;
        Unavailable before the first reconciliation.
        """
        self.check_accepting(command)
        with self._live.order_coming():
            return await self._place(command, metadata)

    async def _place(self, command: PlaceOrder, metadata: Metadata) -> OrderAccepted:
        place = await self.prepared(command, metadata)
        with self._risk.coming(place.order_id):
            await self._risk.admit(place, metadata)
            return await self._store(place, metadata)

    async def prepared(self, command: PlaceOrder, metadata: Metadata) -> Place:
        """The order with all that decides on it, unless the exchange's rate limits refuse it already. Stores nothing."""
        live = self._live
        if (missing := live.exchange.ready()) is not None:
            raise Unavailable(f"{live.connector} is not ready: {missing}")
        order_id = live.exchange.client_order_id(metadata.message_id)
        await self._check_rate(order_id)
        return Place(order=command, order_id=order_id, market=await self._market(command))

    async def _store(self, place: Place, metadata: Metadata) -> OrderAccepted:
        live, command, order_id = self._live, place.order, place.order_id
        try:
            done = await execute(live.log, ORDER, order_stream(order_id), place, metadata, fence=live.fence, new=True)
        except Unavailable:
            # Perhaps stored all the same.
            live.spawn(self._tidy_up(order_id))
            raise
        placed = done.state.origin
        if not isinstance(placed, OrderPlaced) or not same_request(placed, command):
            raise OrderIdReused(f"Order '{order_id}' was placed by this command id with another body")
        if not done.repeated or await self._unsent(order_id) is not None:
            tracked = Tracked(order_id, _ticket(placed), done.state, stored_at=time.monotonic())
            live.tracked[order_id] = tracked
            self._outcomes.submit(tracked, metadata)
        return _accepted(placed)

    async def _check_rate(self, order_id: str) -> None:
        """Refuse an order that would wait too long for its place in the exchange's limits, unless it was placed before."""
        live = self._live
        # Those whose intent is being stored right now will be sent first.
        wait = live.exchange.order_wait(ahead=live.placing - 1)
        if wait <= live.pace.patience or order_id in live.tracked:
            return
        state, _ = await load(live.log, ORDER, order_stream(order_id))
        if state.origin is None:
            seconds = math.ceil(wait)
            raise OrderRateExceeded(
                f"More orders than {live.connector} takes from one account at a time; nothing was sent. The next one can be"
                f" placed in {seconds} s",
                retry_after=seconds,
            )

    async def _unsent(self, order_id: str) -> Order | None:
        """A stored order that this session did not get to send, because its database did not confirm it; else None.

        The orders of earlier sessions are all followed since this one started, and those it sent are too until they end.
        """
        if order_id in self._live.tracked:
            return None
        state, _ = await load(self._live.log, ORDER, order_stream(order_id))
        return state if state.status is OrderStatus.SUBMITTED and order_id not in self._live.tracked else None

    async def _tidy_up(self, order_id: str) -> None:
        """Fail an order that was stored without being confirmed, when nobody repeats its command for the settle time."""
        await asyncio.sleep(self._live.pace.settle)
        while True:
            try:
                row = await self._live.stored_orders.by_order_id(order_id)
                if row is not None and (state := await self._unsent(order_id)) is not None:
                    tracked = Tracked(order_id, ticket_of(row), state)
                    # From here on it is followed, so that its command, repeated now, does not send it.
                    self._live.follow(tracked, state)
                    refused = RecordRefused(reason="The order was not confirmed in time and not sent", evidence="not sent")
                    await self._live.record(tracked, refused)
                return
            except Fenced:
                raise
            except Unavailable:
                await asyncio.sleep(STORE_AGAIN_SECONDS)

    async def cancel(self, command: CancelOrder, metadata: Metadata) -> CancelRequested:
        """Store the wish and send the cancel in the background. Refused: OrderUnknown, OrderNotOpen."""
        self.check_accepting(command)
        tracked = await self._find(command.order_id)
        await self._request_cancel(tracked, metadata)
        return CancelRequested(order_ids=(command.order_id,))

    async def cancel_all(self, command: CancelOrders, metadata: Metadata) -> CancelRequested:
        """Cancel all open orders, or those of one pair, in the background; the ids whose cancel was started."""
        self.check_accepting(command)
        started: list[str] = []
        for row in await self._live.stored_orders.open(command.trading_pair):
            tracked = await self._live.tracked_of(row)
            if tracked.state.closed is None:
                await self._request_cancel(tracked, metadata)
                started.append(row.order_id)
        return CancelRequested(order_ids=tuple(started))

    async def read_executions(self, order_id: str) -> None:
        """Return when all executions of an order that left the book are recorded. Unavailable while they are not."""
        tracked = await self._find(order_id)
        report = await self._live.exchange.order_report(tracked.ticket)
        _, complete = await self._outcomes.read_fills(tracked, report.executed)
        if report.executed is not None and not complete:
            raise Unavailable(f"Not all executions of order '{order_id}' are listed yet", retry_after=1)

    async def refresh_balances(self, command: RefreshBalances, metadata: Metadata) -> BalancesRead:
        """Ask the exchange for the balances and record them if they changed. Unavailable when it does not answer."""
        balances, version = await record_balances(self._live, refresh=True)
        return BalancesRead(account=command.account, connector=command.connector, balances=balances, version=version)

    def check_accepting(self, command: PlaceOrder | CancelOrder | CancelOrders | RehearseCancel | ClosePositions) -> None:
        """CommandUnreadable for a command of another session; Unavailable while this one takes none."""
        live = self._live
        if (command.account, command.connector) != (live.account, live.connector):
            raise CommandUnreadable(f"sent to the session of {live.account} on {live.connector}", field="account")
        if not live.accepting or not live.held():
            raise Unavailable(f"The session of {live.account} on {live.connector} is not ready to take commands")

    async def _market(self, command: PlaceOrder) -> Market:
        exchange = self._live.exchange
        pair = command.trading_pair
        if pair not in exchange.trading_rules:
            # Perhaps listed since they were read, or halted at that moment.
            await exchange.reread_rules()
        rules = exchange.trading_rules
        if not rules:
            raise Unavailable(f"Trading rules of {command.connector} are not loaded yet")
        rule = rules.get(pair)
        types = tuple(exchange.order_types)
        if rule is None:
            return Market(rule=None, listed=tuple(rules), order_types=types, amount=command.amount)
        limit = command.order_type is not OrderType.MARKET
        try:
            amount = exchange.quantize_amount(pair, command.amount)
            below, above = self._around(rule, command.price) if limit and command.price is not None else (None, None)
        except InvalidOperation as error:
            raise OrderAboveMaximum(f"amount or price has more digits than {command.connector} can trade") from error
        return Market(
            rule=rule,
            listed=(),
            order_types=types,
            amount=amount,
            price_below=below,
            price_above=above,
            reference_price=None if limit else await exchange.price(pair),
            contract=exchange.derivative is not None,
        )

    def _around(self, rule: TradingRule, price: Decimal) -> tuple[Decimal, Decimal]:
        """The tradable prices next to a price."""
        quantize = self._live.exchange.quantize_price
        below = quantize(rule.trading_pair, price)
        if below == price:
            return below, below
        above = quantize(rule.trading_pair, money.add(below, rule.min_price_increment))
        return below, above if above >= price else below

    async def _find(self, order_id: str) -> Tracked:
        live = self._live
        for tracked in live.tracked.values():
            if tracked.order_id == order_id:
                return tracked
        row = await live.stored_orders.by_order_id(order_id)
        if row is None:
            raise OrderUnknown(f"Order '{order_id}' not found in active orders")
        return await live.tracked_of(row)

    async def _request_cancel(self, tracked: Tracked, metadata: Metadata) -> None:
        live = self._live
        command = RequestCancel(order_id=tracked.order_id, account=live.account, connector=live.connector)
        done = await execute(live.log, ORDER, order_stream(tracked.order_id), command, metadata, fence=live.fence)
        if not done.repeated:
            live.follow(tracked, done.state)
        self._outcomes.cancel(tracked, metadata)


async def read_balances(live: Live, *, refresh: bool) -> tuple[Balance, ...]:
    """The balances that are not zero, by token."""
    balances = await live.exchange.balances(refresh=refresh)
    return tuple(
        Balance(token=token, total=held.total, available=held.available)
        for token, held in sorted(balances.items())
        if held.total or held.available
    )


async def record_balances(live: Live, *, refresh: bool) -> tuple[tuple[Balance, ...], int]:
    """Record the balances if they changed; they, and the session stream's version right after."""
    balances = await read_balances(live, refresh=refresh)
    done = await live.record_session(RecordBalances(account=live.account, connector=live.connector, balances=balances))
    return balances, done.version


def _ticket(placed: OrderPlaced) -> OrderTicket:
    return OrderTicket(
        order_id=placed.order_id,
        trading_pair=placed.trading_pair,
        side=placed.side,
        order_type=placed.order_type,
        amount=placed.amount,
        price=placed.price,
        placed_at=utc_now(),
        position_action=placed.position_action,
    )


def _accepted(placed: OrderPlaced) -> OrderAccepted:
    return OrderAccepted(
        order_id=placed.order_id,
        account_name=placed.account,
        connector_name=placed.connector,
        trading_pair=placed.trading_pair,
        trade_type=placed.side,
        amount=placed.requested_amount,
        order_type=placed.order_type,
        price=placed.requested_price,
    )
