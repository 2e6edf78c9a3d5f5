"""Everything a futures account ever did, exact: what books elsewhere are compared with to the last digit."""

from __future__ import annotations

from sandbox_exchange.domain.perpetual import margin
from sandbox_exchange.domain.perpetual.accounts import FuturesAccount
from sandbox_exchange.domain.perpetual.margin import Markets
from sandbox_exchange.domain.wire.futures_account import income_row
from sandbox_exchange.domain.wire.futures_orders import order_status, own_trade
from sandbox_exchange.domain.wire.ledger import plain


def summary(account: FuturesAccount, markets: Markets) -> dict[str, object]:
    """The wallet, what is available of it, the position mode, leverages that were set, and open positions."""
    return {
        "wallet": plain(account.wallet),
        "available": plain(margin.available(account, margin.of_account(account, markets))),
        "position_mode": "HEDGE" if account.hedge else "ONEWAY",
        "leverages": account.leverages,
        "positions": [
            {
                "symbol": symbol,
                "position_side": side,
                "amount": plain(account.position(symbol, side).amount),
                "cost": plain(account.position(symbol, side).cost),
                "entry_price": plain(account.position(symbol, side).entry_price),
            }
            for symbol, side in margin.held(account)
        ],
    }


def ledger(account: FuturesAccount, markets: Markets) -> dict[str, object]:
    """The summary with all orders by id, all trades by id, and every change of the wallet in order."""
    fills = sorted((f for group in account.fills.values() for f in group), key=lambda f: (f.trade.trade, f.is_maker))
    return {
        **summary(account, markets),
        "orders": [order_status(order) for order in account.orders.values()],
        "trades": [own_trade(fill) for fill in fills],
        "income": [income_row(income) for income in account.income],
    }
