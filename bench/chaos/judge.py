"""The judge. It reads the exchange's journal, our public API and the public event stream, and nothing else."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from bench.chaos.asked import committed_too_much
from bench.chaos.cases import KEEPING, PAIRED, Case
from bench.chaos.desk import Desk
from bench.chaos.plans import CONNECTORS, FUTURES, SPOT, Plan
from bench.chaos.reading import Ours
from bench.chaos.sums import fill_of, summed
from tests.ledger import exact, ledger_books
from tests.safety.checker import Verdict, judge_fills, judge_states
from tests.safety.evidence import Happened

WRONG = {
    "unattended": "Positions or orders that an ended executor left on the exchange",
    "never_ended": "Executors that did not end",
    "broken": "Executors whose class raised an error",
    "closed_early": "Executors that were closed before their last order was",
    "duplicate_orders": "Orders that nobody asked for, or more than was asked for",
    "lost_orders": "Orders lost here or at the exchange",
    "wrong_states": "Orders in another state than at the exchange",
    "unresolved": "Outcomes that stayed unknown",
    "lost_fills": "Fills lost or changed",
    "invented_fills": "Fills the exchange does not have",
    "wrong_funding": "Funding payments lost, changed or invented",
    "wrong_positions": "Open positions that differ",
    "wrong_pnl": "Profit, fees or volume that differ by any digit",
    "wrong_holds": "Position holds that differ",
    "wrong_reports": "Summaries and performance reports that are not the sums",
    "answers": "Answers no client may get",
}
"""What must not be, by its name."""

BROKEN = re.compile(r"\w+(Error|Exception|Overflow|Operation|ByZero): ")
"""How an error of an executor's class is told: the error's own name, then its text."""
LEAST = {
    (SPOT, "BTC"): Decimal("0.00001"),
    (SPOT, "ETH"): Decimal("0.0001"),
    (FUTURES, "BTC"): Decimal("0.001"),
    (FUTURES, "ETH"): Decimal("0.001"),
}
"""Steps of amounts. A type that trades on two markets leaves less where the spot market took its fee in base."""
LEAST_NOTIONAL = Decimal(5)
"""Of spot orders: what is worth less cannot be sold. Contracts can always be closed."""


def judge(
    desk: Desk, plans: Sequence[Plan], ours: Ours, ledger: Mapping[str, Any], placed: Mapping[str, Happened]
) -> tuple[Verdict, list[Case]]:
    """One account: its books, and every executor against the exchange's ledger."""
    verdict = Verdict()
    cases = {
        desk.made[plan.key]: Case(desk.made[plan.key], plan, ours.executors[desk.made[plan.key]])
        for plan in plans
        if desk.made.get(plan.key) in ours.executors
    }
    for key, executor_id in desk.made.items():
        if executor_id not in cases:
            verdict.wrong["lost_orders"].append(f"{executor_id} ({key}) was accepted and is not known")
    for connector, books in ((SPOT, ledger), (FUTURES, ledger["futures"])):
        theirs = ledger_books({"balances": {}, **books} | {"balances": {}})
        name = f"{desk.account} {connector}"
        judge_states(verdict, name, ours.books[connector], theirs)
        judge_fills(verdict, name, ours.books[connector], theirs)
        _attribute(verdict, name, connector, books, placed, cases)
        _judge_absent(verdict, name, ours.books[connector].orders, {order["clientOrderId"] for order in books["orders"]})
    for case in cases.values():
        _judge_end(verdict, case)
        _judge_money(verdict, case)
        verdict.wrong["duplicate_orders"] += [f"{case.name}: {line}" for line in committed_too_much(case)]
        _count(verdict, case)
    _judge_funding(verdict, desk.account, ours.funding, ledger["futures"]["funding"])
    _judge_positions(verdict, desk.account, ours.positions, ledger["futures"]["positions"])
    verdict.wrong["answers"] += [f"{desk.account}: {each}" for each in desk.complaints]
    return verdict, list(cases.values())


def _attribute(
    verdict: Verdict,
    name: str,
    connector: str,
    books: Mapping[str, Any],
    placed: Mapping[str, Happened],
    cases: Mapping[str, Case],
) -> None:
    """Give every order and execution of the exchange to its executor."""
    there = Counter(order["clientOrderId"] for order in books["orders"])
    owners: dict[str, Case] = {}
    for order in books["orders"]:
        order_id = order["clientOrderId"]
        event = placed.get(order_id)
        case = None if event is None else cases.get(str(event.fields["executor_id"]))
        if event is None or case is None or there[order_id] > 1:
            verdict.wrong["duplicate_orders"].append(
                f"{name}: {order_id} is there {there[order_id]} times, owned by {case and case.name}"
            )
            continue
        owners[order_id] = case
        case.orders.append((connector, order))
        case.placed[order_id] = event
    for trade in books["trades"]:
        if trade["clientOrderId"] in owners:
            owners[trade["clientOrderId"]].fills.append(fill_of(connector, trade))


def _judge_absent(verdict: Verdict, name: str, ours: Mapping[str, tuple[str, Decimal]], there: set[str]) -> None:
    for order_id, (status, _) in ours.items():
        if order_id not in there and status not in ("FAILED", "UNKNOWN"):
            verdict.wrong["lost_orders"].append(f"{name}: {order_id} is {status} here, at the exchange it is not")


def _judge_end(verdict: Verdict, case: Case) -> None:
    """An ended executor leaves nothing open, and its end came after that of its last order."""
    if BROKEN.match(case.shown["last_error"] or ""):
        verdict.wrong["broken"].append(f"{case.name}: {case.shown['last_error']}")
    if case.shown["status"] != "TERMINATED":
        verdict.wrong["never_ended"].append(f"{case.name} is {case.shown['status']}: {case.shown['last_error']}")
        return
    closed = round(datetime.fromisoformat(case.shown["closed_at"]).timestamp() * 1000)
    for _, order in case.orders:
        if order["closed_at"] is None:
            verdict.wrong["unattended"].append(f"{case.name} ended with its order {order['clientOrderId']} {order['status']}")
        elif order["closed_at"] > closed:
            late = order["closed_at"] - closed
            verdict.wrong["closed_early"].append(f"{case.name}: {order['clientOrderId']} ended {late} ms after it")
    if case.keeps:
        return
    for connector, base, amount in _unattended(case):
        verdict.wrong["unattended"].append(f"{case.name} ended with {amount:+f} {base} on {connector} ({case.wishes})")


def _unattended(case: Case) -> Iterator[tuple[str, str, Decimal]]:
    """What is left and could have been traded."""
    sums = summed(case.fills, paired=case.type in PAIRED)
    for (connector, base), amount in sums.left.items():
        price = max((fill for fill in case.fills if fill.base == base), key=lambda fill: fill.time).price
        step = LEAST[connector, base]
        tradable = abs(amount) // step * step
        # The exchange judges by its price of the moment, which may be a little lower.
        if (connector == FUTURES and tradable) or tradable * price > LEAST_NOTIONAL * Decimal("1.02"):
            yield connector, base, amount


def _judge_money(verdict: Verdict, case: Case) -> None:
    """Figures as the exchange's executions give them; those of holds have no profit of their own."""
    sums = summed(case.fills, paired=case.type in PAIRED)
    expected = {"cum_fees_quote": sums.fees, "filled_amount_quote": sums.volume}
    if not case.keeps and case.type not in KEEPING:
        expected |= {"net_pnl_quote": sums.profit, "net_pnl_pct": sums.share}
    for name, value in expected.items():
        if case.shown["status"] == "TERMINATED" and case.shown[name] != float(value):
            shown = case.shown[name]
            verdict.wrong["wrong_pnl"].append(f"{case.name}: {name} is {shown!r}, not {value:f} ({case.wishes})")


def _judge_funding(
    verdict: Verdict, account: str, ours: Sequence[Mapping[str, Any]], theirs: Sequence[Mapping[str, Any]]
) -> None:
    here = Counter((row["exchange_funding_id"], _symbol(row), exact(row["funding_payment"])) for row in ours)
    there = Counter((str(row["tran"]), row["symbol"], exact(float(row["income"]))) for row in theirs)
    for payment in (there - here).elements():
        verdict.wrong["wrong_funding"].append(f"{account}: {payment} is not known here")
    for payment in (here - there).elements():
        verdict.wrong["wrong_funding"].append(f"{account}: {payment} is not the exchange's")
    verdict.counted.update({"funding payments": len(ours), "funding payments at the exchange": len(theirs)})


def _judge_positions(
    verdict: Verdict, account: str, ours: Sequence[Mapping[str, Any]], theirs: Mapping[tuple[str, str], Decimal]
) -> None:
    here: dict[str, list[Decimal]] = defaultdict(list)
    there: dict[str, list[Decimal]] = defaultdict(list)
    for row in ours:
        here[_symbol(row)].append(exact(row["amount"]))
    for (symbol, _), amount in theirs.items():
        there[symbol].append(amount.normalize())
    for symbol in here.keys() | there.keys():
        if sorted(here[symbol]) != sorted(there[symbol]):
            verdict.wrong["wrong_positions"].append(f"{account}: {symbol} is {here[symbol]} here, {there[symbol]} there")


def _symbol(row: Mapping[str, Any]) -> str:
    return str(row["trading_pair"]).replace("-", "")


def _count(verdict: Verdict, case: Case) -> None:
    connectors = {connector for connector, _ in case.orders} or {str(case.plan.config.get("connector_name", "both"))}
    where = "both" if case.type in PAIRED else min(connectors, key=CONNECTORS.index)
    verdict.counted.update({f"{case.type} on {where}": 1, f"ended: {case.shown['close_type']}": 1, "executors": 1})
    verdict.counted.update({"orders at the exchange": len(case.orders), "fills": len(case.fills), "holds": case.keeps})
