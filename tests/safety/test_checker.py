"""The judge can say no: each kind of wrong, planted into good books, is named."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest

from tests.ledger import Books, ledger_books
from tests.safety.checker import Verdict, judge, judge_evidence, together
from tests.safety.evidence import Happened
from tests.safety.faults import RECIPES, drawn
from tests.safety.journal import ledgers
from tests.safety.plans import plans
from tests.safety.traders import Trader

ORDER = {
    "clientOrderId": "one",
    "status": "FILLED",
    "executedQty": "0.5",
    "symbol": "BTCUSDT",
    "side": "BUY",
    "type": "LIMIT",
    "origQty": Decimal("0.5"),
    "price": Decimal(100),
}
ASKED = {"trading_pair": "BTC-USDT", "trade_type": "BUY", "order_type": "LIMIT", "amount": "0.50", "price": "100.0"}
TRADE = {"id": 7, "price": "100", "qty": "0.5", "commission": "0.01", "commissionAsset": "BTC"}


def ledger() -> dict[str, Any]:
    return {"orders": [dict(ORDER)], "trades": [TRADE], "balances": {"BTC": {"free": "1", "locked": "0.5"}}}


def client() -> Trader:
    return Trader("main", "key", accepted={"key-1": "one"}, asked={"one": dict(ASKED)})


def judged(spoil: Callable[[Trader, Books, dict[str, Any]], object]) -> Verdict:
    trader = client()
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
        ("wrong_orders", lambda trader, ours, theirs: theirs["orders"][0].update(side="SELL")),
        ("wrong_orders", lambda trader, ours, theirs: theirs["orders"][0].update(price=Decimal("100.01"))),
        ("wrong_orders", lambda trader, ours, theirs: theirs["orders"][0].update(origQty=Decimal(1))),
        ("lost_orders", lambda trader, ours, theirs: ours.orders.pop("one")),
        ("lost_orders", lambda trader, ours, theirs: theirs["orders"].clear()),
        ("lost_fills", lambda trader, ours, theirs: ours.trades.pop("7")),
        ("invented_fills", lambda trader, ours, theirs: theirs["trades"].clear()),
        ("wrong_states", lambda trader, ours, theirs: ours.orders.update(one=("FILLED", Decimal("0.4")))),
        ("unresolved", lambda trader, ours, theirs: ours.orders.update(one=("UNKNOWN", Decimal(0)))),
        ("wrong_balances", lambda trader, ours, theirs: ours.balances.update(BTC=(Decimal("1.5"), Decimal("1.5")))),
        ("answers", lambda trader, ours, theirs: trader.accepted.update({"key-2": "one"})),
        ("answers", lambda trader, ours, theirs: trader.complaints.append("two answers")),
    ],
)
def test_what_is_wrong_is_named(kind: str, spoil: Callable[[Trader, Books, dict[str, Any]], object]) -> None:
    verdict = judged(spoil)
    assert not verdict.good
    assert verdict.wrong[kind]


PLACED = Happened("OrderPlaced", {})
UNKNOWN = Happened("OrderOutcomeUnknown", {"action": "submit", "reason": "time-out"})
RESOLVED = Happened("OrderOutcomeResolved", {"evidence": "GET /api/v3/order"})
FILLED = Happened("OrderFilled", {"trade_id": "7"})
REJECTED = Happened("OrderRejected", {"evidence": "-2010"})


def told(*events: Happened) -> Verdict:
    streams = {"one": dict(enumerate(events, 1))}
    return together([judge_evidence(streams, client())])


@pytest.mark.parametrize("events", [(PLACED, FILLED), (PLACED, UNKNOWN, RESOLVED), (PLACED, UNKNOWN, REJECTED)])
def test_a_story_with_evidence_is_good(events: tuple[Happened, ...]) -> None:
    assert told(*events).good


@pytest.mark.parametrize(
    ("kind", "events"),
    [
        ("missing_events", ()),
        ("unresolved", (PLACED, UNKNOWN)),
        ("unresolved", (PLACED, UNKNOWN, Happened("OrderOutcomeResolved", {"evidence": ""}))),
        ("unresolved", (PLACED, UNKNOWN, Happened("OrderCancelled", {}))),
        ("unresolved", (PLACED, UNKNOWN, UNKNOWN, RESOLVED)),
        ("unresolved", (PLACED, Happened("OrderRejected", {"evidence": ""}))),
        ("invented_fills", (PLACED, FILLED, FILLED)),
        ("wrong_states", (PLACED, PLACED)),
    ],
)
def test_a_story_without_evidence_is_named(kind: str, events: tuple[Happened, ...]) -> None:
    assert told(*events).wrong[kind]


def test_a_version_that_is_missing_in_the_stream_is_named() -> None:
    assert judge_evidence({"one": {1: PLACED, 3: FILLED}}, client()).wrong["missing_events"]


ACCEPTED = {
    "event": "OrderAccepted",
    "account": "1",
    "symbol": "BTCUSDT",
    "side": "BUY",
    "type": "LIMIT",
    "price": "100",
    "at": 1,
}
RECORDS: list[list[dict[str, Any]]] = [
    [
        {"event": "AccountOpened", "account": "1", "api_key": "key"},
        {"event": "Deposited", "account": "1", "asset": "USDT", "amount": "1000"},
    ],
    [
        {**ACCEPTED, "order": 5, "quantity": "2", "client_order_id": "one"},
        {
            "event": "Traded",
            "trade": 7,
            "symbol": "BTCUSDT",
            "price": "90",
            "quantity": "0.5",
            "taker": 5,
            "maker": 0,
            "taker_fee": "0.0005",
            "maker_fee": "0",
            "at": 2,
        },
    ],
    [{**ACCEPTED, "order": 6, "quantity": "1", "client_order_id": "two"}],
    [],
    [{"event": "OrderClosed", "order": 6, "status": "CANCELED", "at": 2}],
]


def write_journal(directory: Path, records: list[list[dict[str, Any]]]) -> None:
    lines = []
    for number, events in enumerate(records, 1):
        kind = "events" if events else "perpetual"
        body = json.dumps({"n": number, "at": 1, kind: events}).encode()
        lines.append(b"%08x %s\n" % (crc32(body), body))
    (directory / "journal-000000000000001.log").write_bytes(b"".join(lines))


def test_the_journal_adds_up_to_the_books(tmp_path: Path) -> None:
    write_journal(tmp_path, RECORDS)
    books = ledger_books(ledgers(tmp_path)["key"])
    assert books.orders == {"one": ("PARTIALLY_FILLED", Decimal("0.5")), "two": ("CANCELLED", Decimal(0))}
    assert books.trades == {"7": (Decimal(90), Decimal("0.5"), Decimal("0.0005"), "BTC")}
    assert books.balances == {"BTC": (Decimal("0.4995"), Decimal("0.4995")), "USDT": (Decimal(955), Decimal(805))}


def test_balances_with_more_digits_than_a_double_are_compared_as_clients_read_them() -> None:
    there = ledger_books({"orders": [], "trades": [], "balances": {"USDT": {"free": "10013912.0095493776", "locked": "0"}}})
    assert there.balances == {"USDT": (Decimal("10013912.009549377"), Decimal("10013912.009549377"))}


def test_a_journal_that_is_not_whole_is_refused(tmp_path: Path) -> None:
    write_journal(tmp_path, RECORDS)
    path = tmp_path / "journal-000000000000001.log"
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b'"amount": "1000"', b'"amount": "1001"'))
    with pytest.raises(ValueError, match="checksum"):
        ledgers(tmp_path)
    path.write_bytes(b"".join(whole.splitlines(keepends=True)[1:]))
    with pytest.raises(ValueError, match="record 2"):
        ledgers(tmp_path)


def test_a_seed_draws_the_same_round_again() -> None:
    keys = ["a", "b"]
    first, again = drawn(7, keys), drawn(7, keys)
    faults = [next(first) for _ in range(3 * len(RECIPES))]
    assert faults == [next(again) for _ in faults]
    assert {fault["kind"] for fault in faults[: len(RECIPES)]} == set(RECIPES)
    prices = {"BTCUSDT": 95000.0, "ETHUSDT": 3300.0}
    assert list(plans("main", 7, 20, prices)) == list(plans("main", 7, 20, prices))
