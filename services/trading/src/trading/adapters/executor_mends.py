"""Where an engine executor would trade wrongly, its class with those methods put right."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from contracts.rejections import Unavailable
from contracts.trading import ExecutorType

ENGINES: Any = object
"""Stands for the engine's class, which `mended` puts behind a class of this module."""


class Twap(ENGINES):  # type: ignore[misc]
    """The TWAP executor that counts everything it executed.

    The engine's forgets all other orders of its plan when one fails, and what a maker order executed before it was placed
    anew: the next orders would be for more than what is left. It does not hear that an order was cancelled, stumbles over
    places of its plan that are still empty, and calls itself completed when it was stopped.
    """

    close_type: Any

    def close_execution_by(self, close_type: Any) -> None:
        """End, for the reason it was stopped for if it was."""
        super().close_execution_by(self.close_type or close_type)

    def evaluate_refresh_orders(self) -> None:
        """Cancel what is too old; it is placed anew once it is off the book."""
        if not self.config.is_maker:
            return
        for order in self._order_plan.values():
            if self.refresh_order_condition(order) and not order.order.is_pending_cancel_confirmation:
                self._strategy.cancel(self.config.connector_name, self.config.trading_pair, order.order_id)

    def process_order_canceled_event(self, _tag: int, _market: Any, event: Any) -> None:
        """Empty the order's place in the plan, so that what is left of it is placed again."""
        self._empty(event.order_id, self._refreshed_orders)

    def process_order_failed_event(self, _tag: int, _market: Any, event: Any) -> None:
        """As a cancelled one."""
        self._current_retries += self._empty(event.order_id, self._failed_orders)

    def process_order_completed_event(self, _tag: int, _market: Any, event: Any) -> None:
        """See whether all are completed."""
        self.update_tracked_orders_with_order_id(event.order_id)
        self.evaluate_all_orders_completed()

    def update_tracked_orders_with_order_id(self, order_id: str) -> None:
        """Take over the order of this id."""
        for order in self._order_plan.values():
            if order is not None and order.order_id == order_id:
                order.order = self.get_in_flight_order(self.config.connector_name, order_id)

    def evaluate_create_order(self) -> None:
        """Place what is due, one after the other, unless all is executed but for a rest that is too small to trade.

        The engine's places all that is due at once, as after a pause, and does not take off what it has just asked for. A
        market order has no price before it executes: until then nobody knows what it leaves for the others.
        """
        if self._rest_is_too_small():
            self._status = _statuses().SHUTTING_DOWN
            return
        if any(order is not None and self._unvalued(order) for order in self._order_plan.values()):
            return
        due = [at for at, order in self._order_plan.items() if order is None and at <= self._strategy.current_timestamp]
        if due:
            self.create_order(due[0])

    def evaluate_all_orders_completed(self) -> None:
        """End when every order of the plan is known and filled; the engine's does not wait for one it has just asked for."""
        if all(order is not None and order.order is not None and order.is_filled for order in self._order_plan.values()):
            self._status = _statuses().SHUTTING_DOWN

    def get_total_executed_amount(self) -> Decimal:
        """In base, of all orders there ever were."""
        return sum((order.executed_amount_base for order in self._traded()), Decimal(0))

    def get_average_executed_price(self) -> Decimal:
        """Weighted, of all orders there ever were."""
        amount = self.get_total_executed_amount()
        quote = sum((order.average_executed_price * order.executed_amount_base for order in self._traded()), Decimal(0))
        return quote / amount if amount else Decimal(0)

    def get_cum_fees_quote(self) -> Decimal:
        """Of all orders there ever were."""
        return sum((order.cum_fees_quote for order in self._traded()), Decimal(0))

    def _traded(self) -> list[Any]:
        all_orders = [*self._order_plan.values(), *self._refreshed_orders, *self._failed_orders]
        return [order for order in all_orders if order is not None and order.executed_amount_base > 0]

    def _empty(self, order_id: str, into: list[Any]) -> int:
        for timestamp, order in self._order_plan.items():
            if order is not None and order.order_id == order_id:
                order.order = self.get_in_flight_order(self.config.connector_name, order_id)
                into.append(order)
                self._order_plan[timestamp] = None
                return 1
        return 0

    def _unvalued(self, order: Any) -> bool:
        return order.order is None or not (self.config.is_maker or order.is_done)

    def _rest_is_too_small(self) -> bool:
        if any(order is not None and not order.is_done for order in self._order_plan.values()):
            return False
        rule = self.get_trading_rules(self.config.connector_name, self.config.trading_pair)
        executed = self.get_total_executed_amount_quote()
        return bool(executed and self.config.total_amount_quote - executed < rule.min_notional_size)


class Position(ENGINES):  # type: ignore[misc]
    """The position executor that counts what its cancelled orders executed.

    The engine's forgets them: it would open the whole amount again after a part of it, and close what is closed already.
    """

    _open_order: Any

    @property
    def close_filled_amount(self) -> Decimal:
        """In base, of all orders on the closing side there ever were."""
        closing = {order.order_id: order for order in (*self._failed_orders, self._take_profit_limit_order) if order}
        if self._close_order is not None:
            closing[self._close_order.order_id] = self._close_order
        return sum((order.executed_amount_base for order in closing.values() if self._closes(order)), Decimal(0))

    def process_order_canceled_event(self, tag: int, market: Any, event: Any) -> None:
        """An open order that executed something is the position from then on."""
        opened = self._open_order
        super().process_order_canceled_event(tag, market, event)
        if opened is not None and opened.order_id == event.order_id and opened.executed_amount_base > 0:
            self._failed_orders.remove(opened)
            self._open_order = opened

    def control_barriers(self) -> None:
        """The barriers also of a position whose open order was cancelled after a part of it."""
        opened = self._open_order
        if opened is None or opened.is_filled or not opened.is_done:
            super().control_barriers()
            return
        large = self.open_filled_amount >= self.trading_rules.min_order_size
        price_barriers = (self.control_stop_loss, self.control_trailing_stop, self.control_take_profit) if large else ()
        for control in (*price_barriers, self.control_time_limit):
            if self.is_active:
                control()

    def _closes(self, order: Any) -> bool:
        return order.order is not None and order.order.trade_type is self.close_order_side


class Dca(ENGINES):  # type: ignore[misc]
    """The DCA executor that places the order of a level again when it failed, and that ends once its close orders did.

    The engine's takes the number of its orders for the next level: when the first of two fails it places the second one twice.
    Once it closed, it waits for as much to be closed as was opened, and takes no order off the book that came late.
    """

    _open_orders: list[Any]
    close_type: Any

    def control_open_order_process(self) -> None:
        """Place the first level that has no order."""
        level = next((at for at, order in enumerate(self._open_orders) if order.order_id is None), len(self._open_orders))
        if level < self.n_levels and not self.is_expired:
            price = self.get_price(connector_name=self.config.connector_name, trading_pair=self.config.trading_pair)
            if self._is_within_activation_bounds(self.config.prices[level], price):
                self.create_dca_order(level=level)

    def create_dca_order(self, level: int) -> None:
        """Place it in the order of the levels."""
        count = len(self._open_orders)
        super().create_dca_order(level)
        if level < count < len(self._open_orders):
            self._open_orders[level] = self._open_orders.pop()

    def process_order_failed_event(self, tag: int, market: Any, event: Any) -> None:
        """Leave the level's place empty."""
        level = next((at for at, order in enumerate(self._open_orders) if order.order_id == event.order_id), None)
        super().process_order_failed_event(tag, market, event)
        if level is not None:
            self._open_orders.insert(level, importlib.import_module("hummingbot.strategy_v2.models.executors").TrackedOrder())

    async def control_shutdown_process(self) -> None:
        """End with the close orders; what is open then, or not closed by them, is for whoever drives it."""
        if self._close_orders and all(order.is_done and order.executed_amount_base for order in self._close_orders):
            self.close_execution_by(self.close_type)
        else:
            await super().control_shutdown_process()


class Xemm(ENGINES):  # type: ignore[misc]
    """The cross-exchange market maker that hedges all that its maker order executed.

    The engine's forgets a maker order when it asks for its cancel: what executed before the cancel arrived was never hedged. It
    also takes prices in the taker market's quote token for prices in the maker market's, cannot check the balance of a
    derivative, and does not say that it completed.
    """

    maker_order: Any
    taker_order: Any
    close_type: Any

    def adjust_order_candidates(self, exchange: str, order_candidates: list[Any]) -> list[Any]:
        """As the balance allows; of a derivative at the leverage that is set there."""
        if self.is_perpetual_connector(exchange):
            order_candidates = [self._margined(exchange, each) for each in order_candidates]
        found: list[Any] = super().adjust_order_candidates(exchange, order_candidates)
        return found

    async def update_prices_and_tx_costs(self) -> None:
        """The maker's price in its own quote token. Unavailable while a rate that costs are reckoned with is not known."""
        for pair in (self.maker_trading_pair, self.taker_trading_pair, self.quote_conversion_pair):
            if self.rate_oracle.get_pair_rate(pair) is None:
                raise Unavailable(f"No rate of {pair} is known")
        await super().update_prices_and_tx_costs()
        self._maker_target_price *= await self.get_quote_asset_conversion_rate()

    async def control_update_maker_order(self) -> None:
        """Cancel an order that is too far off; it is forgotten when it is off the book and executed nothing."""
        order = self.maker_order
        if order.order is not None and order.order.is_open and not order.order.is_pending_cancel_confirmation:
            await super().control_update_maker_order()
            self.maker_order = order

    def process_order_canceled_event(self, _tag: int, _market: Any, event: Any) -> None:
        """Hedge what the maker order executed, or place it anew."""
        if self.maker_order is None or event.order_id != self.maker_order.order_id:
            return
        if self.maker_order.executed_amount_base > 0:
            self._hedge()
        else:
            self.maker_order = None

    def process_order_completed_event(self, _tag: int, _market: Any, event: Any) -> None:
        """Hedge the maker order."""
        if self.maker_order is not None and event.order_id == self.maker_order.order_id:
            self._hedge()

    async def control_shutdown_process(self) -> None:
        """End once both orders are done: completed, as an arbitrage is."""
        if self.close_type is None and self.maker_order.is_done and self.taker_order.is_done:
            self.close_type = importlib.import_module("hummingbot.strategy_v2.models.executors").CloseType.COMPLETED
        await super().control_shutdown_process()

    def place_taker_order(self) -> None:
        """For what the maker order executed."""
        order_id = self.place_order(
            connector_name=self.taker_connector,
            trading_pair=self.taker_trading_pair,
            order_type=importlib.import_module("hummingbot.core.data_type.common").OrderType.MARKET,
            side=self.taker_order_side,
            amount=self.maker_order.executed_amount_base,
        )
        self.taker_order = importlib.import_module("hummingbot.strategy_v2.models.executors").TrackedOrder(order_id=order_id)

    def _margined(self, exchange: str, candidate: Any) -> Any:
        return importlib.import_module("hummingbot.core.data_type.order_candidate").PerpetualOrderCandidate(
            trading_pair=candidate.trading_pair,
            is_maker=candidate.is_maker,
            order_type=candidate.order_type,
            order_side=candidate.order_side,
            amount=candidate.amount,
            price=candidate.price,
            leverage=Decimal(self.connectors[exchange].get_leverage(candidate.trading_pair)),
        )

    def _hedge(self) -> None:
        self.place_taker_order()
        self._status = _statuses().SHUTTING_DOWN


MENDS: Mapping[ExecutorType, type] = {
    ExecutorType.TWAP: Twap,
    ExecutorType.POSITION: Position,
    ExecutorType.DCA: Dca,
    ExecutorType.XEMM: Xemm,
}


def mended(type_: ExecutorType, engines: Any) -> Any:
    """The engine's class of a type with its mends, if it has any."""
    mend = MENDS.get(type_)
    return engines if mend is None else type(mend.__name__, (mend, engines), {})


def _statuses() -> Any:
    return importlib.import_module("hummingbot.strategy_v2.models.base").RunnableStatus
