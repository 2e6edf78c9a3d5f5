"""The judge. It reads the exchange's journal, our public API and the public event stream, and nothing else."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import islice
from typing import Any

from tests.ledger import Books, ledger_books
from tests.safety.evidence import Happened
from tests.safety.traders import Trader

WRONG = {
    "duplicate_orders": "Orders at the exchange that nobody asked for",
    "wrong_orders": "Orders at the exchange that are not what was asked for",
    "lost_orders": "Orders lost here or at the exchange",
    "lost_fills": "Fills lost or changed",
    "invented_fills": "Fills the exchange does not have",
    "wrong_states": "Orders in another state than at the exchange",
    "unresolved": "Outcomes that stayed unknown or lack evidence",
    "missing_events": "Orders whose events are not all in the stream",
    "wrong_balances": "Balances of the portfolio that differ",
    "answers": "Answers no client may get",
}
"""What must not be, by its name."""


@dataclass
class Verdict:
    """What is wrong, by kind, each as a readable line; and what was counted."""

    wrong: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    counted: Counter[str] = field(default_factory=Counter)

    @property
    def good(self) -> bool:
        return not any(self.wrong.values())

    @property
    def may_heal(self) -> bool:
        """Whether waiting may help: what clients were answered stays answered."""
        return any(found for kind, found in self.wrong.items() if kind != "answers")


def judge(trader: Trader, ours: Books, ledger: Mapping[str, Any]) -> Verdict:
    """One account's books, ours against the exchange's, and both against what its client was answered."""
    verdict = Verdict()
    theirs = ledger_books(ledger)
    name = trader.account
    _judge_orders(verdict, trader, ours, ledger["orders"])
    judge_states(verdict, name, ours, theirs)
    judge_fills(verdict, name, ours, theirs)
    for token in sorted(ours.balances.keys() | theirs.balances.keys()):
        here, there = ours.balances.get(token), theirs.balances.get(token)
        if here != there:
            verdict.wrong["wrong_balances"].append(f"{name}: {token} is {here} here, {there} at the exchange")
    verdict.wrong["answers"] += [f"{name}: {each}" for each in trader.complaints]
    verdict.counted.update(f"orders {status}" for status, _ in ours.orders.values())
    verdict.counted.update({"orders": len(ours.orders), "orders at the exchange": len(ledger["orders"])})
    verdict.counted.update({"fills": len(ours.trades), "fills at the exchange": len(theirs.trades)})
    return verdict


def _judge_orders(verdict: Verdict, trader: Trader, ours: Books, at_exchange: list[dict[str, Any]]) -> None:
    name = trader.account
    asked_for = Counter(trader.accepted.values())
    there = Counter(order["clientOrderId"] for order in at_exchange)
    for order_id, times in there.items():
        if times > 1 or order_id not in asked_for:
            verdict.wrong["duplicate_orders"].append(
                f"{name}: {order_id} is there {times} times, asked for {asked_for[order_id]}"
            )
    for order in at_exchange:
        asked = trader.asked.get(order["clientOrderId"])
        if asked is not None and (wanted := _wanted(asked)) != (told := tuple(order[each] for each in ORDERED)):
            verdict.wrong["wrong_orders"].append(f"{name}: {order['clientOrderId']} is {told} there, asked for {wanted}")
    for order_id, commands in asked_for.items():
        if commands > 1:
            verdict.wrong["answers"].append(f"{name}: {order_id} answers {commands} commands")
        status = ours.orders.get(order_id, ("", Decimal(0)))[0]
        if not status or (order_id not in there and status != "FAILED"):
            verdict.wrong["lost_orders"].append(f"{name}: {order_id} is {status or 'unknown'} here, at the exchange it is not")


ORDERED = ("symbol", "side", "type", "origQty", "price")


def _wanted(asked: Mapping[str, Any]) -> tuple[Any, ...]:
    """What a client asked for, in the exchange's words."""
    symbol = asked["trading_pair"].replace("-", "")
    return symbol, asked["trade_type"], asked["order_type"], Decimal(asked["amount"]), Decimal(asked.get("price", 0))


def judge_states(verdict: Verdict, name: str, ours: Books, theirs: Books) -> None:
    """Every order of the exchange is known here, in the same state; none is left unknown."""
    for order_id, (status, filled) in ours.orders.items():
        if status == "UNKNOWN":
            verdict.wrong["unresolved"].append(f"{name}: {order_id} is UNKNOWN")
        elif order_id in theirs.orders and theirs.orders[order_id] != (status, filled):
            verdict.wrong["wrong_states"].append(f"{name}: {order_id} is {status} {filled}, not {theirs.orders[order_id]}")
    for order_id in theirs.orders.keys() - ours.orders.keys():
        verdict.wrong["lost_orders"].append(f"{name}: {order_id} of the exchange is not known here")


def judge_fills(verdict: Verdict, name: str, ours: Books, theirs: Books) -> None:
    """Both have the same executions."""
    for trade_id, trade in theirs.trades.items():
        if ours.trades.get(trade_id) != trade:
            verdict.wrong["lost_fills"].append(f"{name}: trade {trade_id} is {ours.trades.get(trade_id)} here, {trade} there")
    for trade_id in ours.trades.keys() - theirs.trades.keys():
        verdict.wrong["invented_fills"].append(f"{name}: trade {trade_id} is not the exchange's")


def judge_evidence(streams: Mapping[str, Mapping[int, Happened]], trader: Trader) -> Verdict:
    """The events of one account's orders: complete, each fill once, and every unknown outcome left with evidence."""
    verdict = Verdict()
    for order_id in trader.accepted.values():
        events = streams.get(order_id, {})
        if not events or sorted(events) != list(range(1, len(events) + 1)):
            verdict.wrong["missing_events"].append(f"{trader.account}: {order_id} has the versions {sorted(events)}")
        _judge_stream(verdict, f"{trader.account}: {order_id}", [events[version] for version in sorted(events)])
    return verdict


def _judge_stream(verdict: Verdict, order: str, events: list[Happened]) -> None:
    names = Counter(event.name for event in events)
    trades = Counter(event.fields["trade_id"] for event in events if event.name == "OrderFilled")
    verdict.wrong["invented_fills"] += [f"{order}: {trade} is recorded {n} times" for trade, n in trades.items() if n > 1]
    for once in ("OrderPlaced", "OrderCompleted", "OrderCancelled"):
        if names[once] > 1:
            verdict.wrong["wrong_states"].append(f"{order}: {once} {names[once]} times")
    verdict.counted["events"] += len(events)
    for number, event in enumerate(events):
        if event.name == "OrderOutcomeUnknown":
            verdict.counted[f"unknown: {event.fields['action']}"] += 1
            _judge_resolution(verdict, order, events, number + 1)
        elif event.name == "OrderRejected" and not event.fields["evidence"]:
            verdict.wrong["unresolved"].append(f"{order}: rejected without evidence")


def _judge_resolution(verdict: Verdict, order: str, events: list[Happened], begin: int) -> None:
    """An unknown outcome is left by the exchange's word, stored as evidence, or by an execution."""
    for event in islice(events, begin, None):
        if event.name in ("OrderOutcomeResolved", "OrderRejected") and event.fields["evidence"]:
            evidence = event.fields["evidence"]
            verdict.counted[f"resolved: {'execution' if evidence.startswith('execution') else 'answer'}"] += 1
            return
        if event.name in ("OrderFilled", "OrderCompleted"):
            verdict.counted["resolved: execution"] += 1
            return
        if event.name == "OrderOutcomeUnknown":
            break
    verdict.wrong["unresolved"].append(f"{order}: an unknown outcome was never resolved with evidence")


def together(verdicts: Sequence[Verdict], kinds: Iterable[str] = WRONG) -> Verdict:
    """All verdicts as one, every kind of wrong named."""
    whole = Verdict()
    for kind in kinds:
        whole.wrong[kind] = [line for verdict in verdicts for line in verdict.wrong[kind]]
    for verdict in verdicts:
        whole.counted += verdict.counted
    return whole
