"""Everything an account ever did, exact: what books elsewhere are compared with to the last digit."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from sandbox_exchange.domain.spot.accounts import Account
from sandbox_exchange.domain.spot.orders import Order
from sandbox_exchange.domain.wire.orders import order_status, own_trade


def plain(value: Decimal) -> str:
    """The exact plain text of a decimal, without trailing zeros."""
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def balances(account: Account) -> dict[str, dict[str, str]]:
    """Free and locked per asset ever held."""
    return {name: {"free": plain(b.free), "locked": plain(b.locked)} for name, b in sorted(account.balances.items())}


def summary(account: Account) -> dict[str, object]:
    """An account without its secret."""
    return {
        "account_id": account.id,
        "api_key": account.api_key,
        "opened_at": account.opened_at,
        "open_orders": len(account.open_orders),
        "orders": len(account.orders),
        "trades": sum(len(fills) for fills in account.fills.values()),
        "balances": balances(account),
    }


def ledger(account: Account, assets: Callable[[Order], tuple[str, str]]) -> dict[str, object]:
    """All orders by id, all trades by id, and the balances they led to. `assets` gives an order's base and quote."""
    fills = sorted((f for group in account.fills.values() for f in group), key=lambda f: (f.trade.trade, f.is_maker))
    return {
        **summary(account),
        "orders": [order_status(order) for order in account.orders.values()],
        "trades": [own_trade(fill, assets(fill.order)) for fill in fills],
    }
