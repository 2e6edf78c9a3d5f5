"""What an executor's class is told of its orders, and what becomes of those it is not told of."""

from __future__ import annotations

import logging
from typing import Protocol

from contracts.trading import OrderStatus

from trading.adapters.executor_orders import Placed, Wanted
from trading.domain.executor_orders import News, Picture, Role, exposure, news, told_of
from trading.handlers.executor_orders import Followed, OrderBook, shown

logger = logging.getLogger(__name__)


class Listener(Protocol):
    """Who is told."""

    def tell(self, kind: str, order: Placed | None, order_id: str, wanted: Wanted) -> None:
        """What happened to an order: created, filled, completed, cancelled, failed or lost."""


async def tell(executor: Listener, orders: OrderBook) -> None:
    """Tell of every order something happened to. Raises Unavailable, and what the executor's class raises.

    An order whose failure was told and that exists all the same is cancelled, and what it executed is undone at the market:
    its class has placed another one in its stead, or ended.
    """
    changed, orders.changed = orders.changed, set()
    for order_id in changed:
        found = await orders.look(order_id)
        if order_id in orders.failed and found is not None and found.state.closed is not OrderStatus.FAILED:
            orders.rise(order_id, found)
        followed = orders.followed.get(order_id)
        if followed is None:
            continue
        if followed.seen.role is Role.ASKED:
            _tell_of(executor, orders, order_id, followed, found)
        elif orders.ended(order_id, found):
            orders.leave(order_id)
            if followed.seen.role is Role.RISEN and found is not None:
                undo(orders, found)
        elif followed.seen.role is Role.RISEN and found is not None and not found.state.cancel_wanted:
            orders.cancel(order_id)


def _tell_of(executor: Listener, orders: OrderBook, order_id: str, followed: Followed, found: Picture | None) -> None:
    if found is None:
        if followed.refused:
            kind = News.CANCELLED.value if followed.withdrawn.is_set() else _failed(followed)
            executor.tell(kind, None, order_id, followed.wanted)
            orders.leave(order_id)
        return
    kinds = [kind for kind, _ in news(found, followed.seen)]
    if kinds and kinds[-1].final and not orders.ended(order_id, found):
        kinds.pop()
    for kind in kinds:
        told = _failed(followed) if kind is News.FAILED else kind.value
        executor.tell(told, shown(found), order_id, followed.wanted)
    followed.seen = told_of(found, followed.seen)
    if kinds and kinds[-1] is News.FAILED:
        orders.doubt(order_id, followed.seen)
    elif kinds and kinds[-1].final:
        orders.leave(order_id)


def _failed(followed: Followed) -> str:
    """What to say of an order that failed: one that an interrupted process asked for, and that never was, is lost."""
    return "lost" if followed.key is None and not followed.seen.created else News.FAILED.value


def undo(orders: OrderBook, found: Picture) -> None:
    """Trade back what an order executed, at the market."""
    for (connector, pair), amount in exposure([found]).items():
        side = "SELL" if amount > 0 else "BUY"
        action = "OPEN" if found.placed.position_action.value == "CLOSE" else "CLOSE"
        logger.warning("undoing %s of %s that order %s executed", amount, pair, found.placed.order_id)
        orders.place(Wanted(connector, pair, side, "MARKET", abs(amount), None, action), Role.OURS)
