"""The judge: reads the exchange's ledger and our public API only, and the log where the API does not show evidence."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import asyncpg

from tests.ledger import Books, ledger_books
from tests.safety.traders import Trader
from tests.stack import Stack

EVIDENCED = ("OrderOutcomeResolved", "OrderRejected")
EVENTS = """
SELECT originator_id, topic, state FROM trading.stored_events WHERE originator_id LIKE 'trading.order-%'
ORDER BY originator_id, originator_version
"""


@dataclass
class Verdict:
    """What is wrong, by kind, each as a readable line; and what was counted."""

    wrong: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    counted: Counter[str] = field(default_factory=Counter)

    @property
    def good(self) -> bool:
        return not any(self.wrong.values())


WRONG = (
    "duplicate_orders",
    "lost_orders",
    "lost_fills",
    "invented_fills",
    "wrong_states",
    "unresolved",
    "wrong_balances",
    "answers",
)


def judge(trader: Trader, ours: Books, ledger: dict[str, Any]) -> Verdict:
    """One account's books, ours against the exchange's, and both against what its client was answered."""
    verdict = Verdict()
    theirs = ledger_books(ledger)
    name = trader.account
    _judge_orders(verdict, trader, ours, Counter(order["clientOrderId"] for order in ledger["orders"]))
    for order_id, (status, filled) in ours.orders.items():
        if status == "UNKNOWN":
            verdict.wrong["unresolved"].append(f"{name}: {order_id} is UNKNOWN")
        elif order_id in theirs.orders and theirs.orders[order_id] != (status, filled):
            verdict.wrong["wrong_states"].append(f"{name}: {order_id} is {status} {filled}, not {theirs.orders[order_id]}")
    for order_id in theirs.orders.keys() - ours.orders.keys():
        verdict.wrong["lost_orders"].append(f"{name}: {order_id} of the exchange is not known here")
    _judge_fills(verdict, name, ours, theirs)
    for token in sorted(ours.balances.keys() | theirs.balances.keys()):
        here, there = ours.balances.get(token), theirs.balances.get(token)
        if here != there:
            verdict.wrong["wrong_balances"].append(f"{name}: {token} is {here} here, {there} at the exchange")
    verdict.wrong["answers"] += [f"{name}: {each}" for each in trader.contradictions]
    verdict.counted.update(f"orders {status}" for status, _ in ours.orders.values())
    verdict.counted.update({"orders": len(ours.orders), "orders at the exchange": len(ledger["orders"])})
    verdict.counted.update({"fills": len(ours.trades), "fills at the exchange": len(theirs.trades)})
    return verdict


def _judge_orders(verdict: Verdict, trader: Trader, ours: Books, at_exchange: Counter[str]) -> None:
    name = trader.account
    asked_for = Counter(trader.accepted.values())
    for order_id, times in at_exchange.items():
        if times > 1 or order_id not in asked_for:
            verdict.wrong["duplicate_orders"].append(
                f"{name}: {order_id} is there {times} times, asked for {asked_for[order_id]}"
            )
    for order_id, commands in asked_for.items():
        if commands > 1:
            verdict.wrong["answers"].append(f"{name}: {order_id} answers {commands} commands")
        status = ours.orders.get(order_id, ("", Decimal(0)))[0]
        if not status or (order_id not in at_exchange and status != "FAILED"):
            verdict.wrong["lost_orders"].append(f"{name}: {order_id} is {status or 'unknown'} here, at the exchange it is not")


def _judge_fills(verdict: Verdict, name: str, ours: Books, theirs: Books) -> None:
    for trade_id, trade in theirs.trades.items():
        if ours.trades.get(trade_id) != trade:
            verdict.wrong["lost_fills"].append(f"{name}: trade {trade_id} is {ours.trades.get(trade_id)} here, {trade} there")
    for trade_id in ours.trades.keys() - theirs.trades.keys():
        verdict.wrong["invented_fills"].append(f"{name}: trade {trade_id} is not the exchange's")


async def judge_evidence(stack: Stack) -> Verdict:
    """Every order that was UNKNOWN left it by an event with its evidence. Read from the log: the API shows states only."""
    streams: dict[str, list[tuple[str, dict[str, Any]]]] = defaultdict(list)
    connection = await asyncpg.connect(_database_url(stack))
    try:
        for row in await connection.fetch(EVENTS):
            streams[row["originator_id"]].append((row["topic"].rpartition(".")[2], json.loads(row["state"])))
    finally:
        await connection.close()
    verdict = Verdict()
    for stream, events in streams.items():
        trades = Counter(event["trade_id"] for name, event in events if name == "OrderFilled")
        verdict.wrong["invented_fills"] += [
            f"{stream}: {trade} is recorded {times} times" for trade, times in trades.items() if times > 1
        ]
        completions = sum(name == "OrderCompleted" for name, _ in events)
        if completions > 1:
            verdict.wrong["wrong_states"].append(f"{stream}: completed {completions} times")
        for number, (name, _) in enumerate(events):
            if name == "OrderOutcomeUnknown":
                verdict.counted["outcomes unknown"] += 1
                _judge_resolution(verdict, stream, events[number + 1 :])
    return verdict


def _judge_resolution(verdict: Verdict, stream: str, after: list[tuple[str, dict[str, Any]]]) -> None:
    for name, event in after:
        if name in EVIDENCED and event["evidence"]:
            verdict.counted["resolved by an answer"] += 1
            return
        if name == "OrderFilled":
            verdict.counted["resolved by an execution"] += 1
            return
    verdict.wrong["unresolved"].append(f"{stream}: an unknown outcome was never resolved with evidence")


def _database_url(stack: Stack) -> str:
    lines = (stack.home / "run" / "trading.env").read_text().splitlines()
    return next(line for line in lines if line.startswith("TRADING_DATABASE_URL=")).partition("=")[2].strip("\"'")


def together(verdicts: list[Verdict]) -> Verdict:
    """All verdicts as one, every kind of wrong named."""
    whole = Verdict()
    for kind in WRONG:
        whole.wrong[kind] = [line for verdict in verdicts for line in verdict.wrong[kind]]
    for verdict in verdicts:
        whole.counted += verdict.counted
    return whole
