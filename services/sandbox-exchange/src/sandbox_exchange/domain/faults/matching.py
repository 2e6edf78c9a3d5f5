"""Partial fills: into how many pieces an order's matches are cut."""

from __future__ import annotations

from collections.abc import Callable

from sandbox_exchange.domain.faults.board import Faults
from sandbox_exchange.domain.faults.fault import Endpoint, Kind, Occasion
from sandbox_exchange.domain.spot.exchange import Exchange
from sandbox_exchange.domain.spot.orders import Order


def pieces_by(exchange: Exchange, faults: Faults) -> Callable[[Order, int], int]:
    """How many trades a match of an order at a time (ms) becomes: one, unless a fault fires."""

    def pieces(order: Order, at: int) -> int:
        if not faults:
            return 1
        key = exchange.state.accounts[order.account].api_key
        firing = faults.first((Kind.PARTIAL_FILLS,), Occasion(Endpoint.ORDER_PLACE, order.account, key, order.symbol), at)
        return 1 if firing is None else firing.wanted.pieces

    return pieces
