"""The judge can say no: each kind of wrong, planted into good books, is named."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from tests.ledger import Books, ledger_books
from tests.safety.checker import Verdict, judge, together
from tests.safety.traders import Trader

ORDER = {"clientOrderId": "one", "status": "FILLED", "executedQty": "0.5"}
TRADE = {"id": 7, "price": "100", "qty": "0.5", "commission": "0.01", "commissionAsset": "BTC"}


def ledger() -> dict[str, Any]:
    return {"orders": [ORDER], "trades": [TRADE], "balances": {"BTC": {"free": "1", "locked": "0.5"}}}


def judged(spoil: Callable[[Trader, Books, dict[str, Any]], object]) -> Verdict:
    trader = Trader("main", "key", 1, accepted={"key-1": "one"})
    ours, theirs = ledger_books(ledger()), ledger()
    spoil(trader, ours, theirs)
    return together([judge(trader, ours, theirs)])


def test_equal_books_are_good() -> None:
    assert judged(lambda *_: None).good


@pytest.mark.parametrize(
    ("kind", "spoil"),
    [
        ("duplicate_orders", lambda trader, ours, theirs: theirs["orders"].append(ORDER)),
        ("duplicate_orders", lambda trader, ours, theirs: theirs["orders"].append({**ORDER, "clientOrderId": "two"})),
        ("lost_orders", lambda trader, ours, theirs: ours.orders.pop("one")),
        ("lost_orders", lambda trader, ours, theirs: theirs["orders"].clear()),
        ("lost_fills", lambda trader, ours, theirs: ours.trades.pop("7")),
        ("invented_fills", lambda trader, ours, theirs: theirs["trades"].clear()),
        ("wrong_states", lambda trader, ours, theirs: ours.orders.update(one=("FILLED", Decimal("0.4")))),
        ("unresolved", lambda trader, ours, theirs: ours.orders.update(one=("UNKNOWN", Decimal(0)))),
        ("wrong_balances", lambda trader, ours, theirs: ours.balances.update(BTC=(Decimal("1.5"), Decimal("1.5")))),
        ("answers", lambda trader, ours, theirs: trader.accepted.update({"key-2": "one"})),
        ("answers", lambda trader, ours, theirs: trader.contradictions.append("two answers")),
    ],
)
def test_what_is_wrong_is_named(kind: str, spoil: Callable[[Trader, Books, dict[str, Any]], object]) -> None:
    verdict = judged(spoil)
    assert not verdict.good
    assert verdict.wrong[kind]
