"""One round: executors live while everything goes wrong; then they are stopped, and the books are compared until they agree."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from hummingbus.home import Home

from bench.chaos.cases import Case
from bench.chaos.desk import Desk, opened
from bench.chaos.judge import WRONG, judge
from bench.chaos.market import Market
from bench.chaos.plans import ACCOUNTS, Drawn, Plan
from bench.chaos.reading import executors_of, messages, ours_of, owners, rows
from bench.chaos.reports import Figures, judge_reports
from tests.safety.adversary import Adversary
from tests.safety.checker import Verdict, together
from tests.safety.exchange import Exchange
from tests.safety.harms import Harms
from tests.safety.journal import ledgers
from tests.stack import Stack

SETTLE_SECONDS = 300.0
STILL_SECONDS = 90.0
"""Longer than anything is left alone here: funding payments, of which nothing tells, for five reconciliations."""
LEAST_FILLS = 0.5
"""For each executor, before a round ends: on a busy machine it takes longer until they trade."""
LONGEST_LIFE = 120.0
TERMINATED = "TERMINATED"


@dataclass(frozen=True)
class Wanted:
    """`each` executors of every type and market live for `seconds`, with so many harms."""

    each: int
    seconds: float
    harms: int


@dataclass
class Round:
    """What came of a round. `wrong` holds what must be empty, by kind; `logs` those of the executors that are in it."""

    name: str
    wrong: dict[str, list[str]] = field(default_factory=dict)
    counted: Counter[str] = field(default_factory=Counter)
    injected: Counter[str] = field(default_factory=Counter)
    fired: Counter[str] = field(default_factory=Counter)
    logs: dict[str, list[str]] = field(default_factory=dict)
    live_seconds: float = 0.0
    settling_seconds: float = 0.0

    @property
    def good(self) -> bool:
        return not any(self.wrong.values())


class Stage:
    """The stack that rounds are played on, with what goes on over all of them."""

    def __init__(self, stack: Stack, exchange: Exchange, http: httpx.AsyncClient) -> None:
        self.stack = stack
        self.exchange = exchange
        self.http = http
        self.adversary: Adversary | None = None
        self.figures: Figures = {}

    async def forgetting(self) -> None:
        """The exchange is about to lose its faults."""
        if self.adversary is not None:
            await self.adversary.count()

    async def play(self, seed: int, number: int, wanted: Wanted, harms: Harms) -> Round:
        """One round with accounts of its own."""
        played = Round(f"s{seed}r{number}")
        desks = [
            await opened(self.exchange, self.http, f"{played.name}a{each}", hedge=bool(each % 2)) for each in range(ACCOUNTS)
        ]
        prices = await self.exchange.prices()
        plans = list(Drawn(played.name, wanted.each, wanted.seconds, prices).plans())
        self.adversary = Adversary(self.exchange, seed * 1000 + number, [desk.api_key for desk in desks])
        began = time.monotonic()
        market = Market(self.exchange, played.name, prices)
        await self._live(desks, plans, wanted, harms, market)
        await self.adversary.stop()
        lived = time.monotonic()
        await asyncio.to_thread(self.stack.wait_ready)
        await asyncio.gather(*(desks[plan.account].stop(self.http, plan, "end") for plan in plans))
        verdict = await self._settled(desks, plans, played)
        if verdict.good:
            for desk in desks:
                await desk.close(self.http)
        played.counted = verdict.counted + Counter({"price jumps": market.moves, "funding settled": market.settlements})
        played.counted += _answers(desks)
        played.injected, played.fired = self.adversary.injected, self.adversary.fired
        played.live_seconds, played.settling_seconds = round(lived - began, 1), round(time.monotonic() - lived, 1)
        return played

    async def _live(self, desks: Sequence[Desk], plans: Sequence[Plan], wanted: Wanted, harms: Harms, market: Market) -> None:
        began = time.monotonic()
        assert self.adversary is not None
        async with asyncio.TaskGroup() as tasks:
            endless = [
                tasks.create_task(work)
                for work in (self.adversary.inject_for_ever(), market.move_for_ever(), market.settle_for_ever())
            ]
            harming = tasks.create_task(harms.along(lambda: (time.monotonic() - began) / wanted.seconds, wanted.harms))
            performing = [tasks.create_task(desks[plan.account].perform(self.http, plan)) for plan in plans]
            await asyncio.wait([harming, *performing])
            await asyncio.sleep(max(0.0, wanted.seconds - (time.monotonic() - began)))
            while time.monotonic() - began < LONGEST_LIFE and await self._fills(desks) < len(plans) * LEAST_FILLS:  # noqa: ASYNC110 - over HTTP
                await asyncio.sleep(1)
            for task in endless:
                task.cancel()

    async def _fills(self, desks: Sequence[Desk]) -> int:
        try:
            return len(await rows(self.http, "/trading/trades", {"account_names": [desk.account for desk in desks]}))
        except httpx.HTTPError:
            return 0

    async def _settled(self, desks: Sequence[Desk], plans: Sequence[Plan], played: Round) -> Verdict:
        """The first good verdict, or the last when the time is up or nothing has changed for long."""
        deadline, before, since = time.monotonic() + SETTLE_SECONDS, "", time.monotonic()
        while True:
            over = time.monotonic() >= deadline
            try:
                if over or await self._ended(desks):
                    verdict, figures = await self._judged(desks, plans)
                    if repr(verdict.wrong) != before:
                        before, since = repr(verdict.wrong), time.monotonic()
                    over = over or time.monotonic() - since > STILL_SECONDS
                    if verdict.good or over or not verdict.may_heal:
                        self.figures = figures
                        played.wrong = {kind: lines for kind, lines in verdict.wrong.items() if lines}
                        played.logs = await self._logs(desks, played.wrong)
                        return verdict
            except (httpx.HTTPError, OSError):
                # A process is just coming back.
                if over:
                    raise
            await asyncio.sleep(2)

    async def _ended(self, desks: Sequence[Desk]) -> bool:
        for desk in desks:
            found = await executors_of(self.http, desk.account)
            if any(found.get(each, {}).get("status") != TERMINATED for each in desk.made.values()):
                return False
        return True

    async def _judged(self, desks: Sequence[Desk], plans: Sequence[Plan]) -> tuple[Verdict, Figures]:
        theirs, placed = ledgers(Home(Path(self.stack.home)).sandbox), await owners(self.stack)
        verdicts: list[Verdict] = []
        cases: list[Case] = []
        for desk in desks:
            verdict, found = judge(desk, plans, await ours_of(self.http, desk), theirs[desk.api_key], placed)
            verdicts.append(verdict)
            cases += found
        reported = Verdict()
        figures = self.figures
        if all(verdict.good for verdict in verdicts):
            figures = await judge_reports(reported, self.http, cases, self.figures)
        return together([*verdicts, reported], WRONG), figures

    async def _logs(self, desks: Sequence[Desk], wrong: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
        lines = [line for kind in wrong.values() for line in kind]
        named = [each for desk in desks for each in desk.made.values() if any(each in line for line in lines)]
        return {each: await messages(self.http, each) for each in named}


def _answers(desks: Sequence[Desk]) -> Counter[str]:
    return Counter(
        {
            "requests": sum(desk.requests for desk in desks),
            "requests repeated": sum(desk.retries for desk in desks),
            "answered with an internal error (500)": sum(desk.failures for desk in desks),
            "executors refused, pair halted": sum(len(desk.refused) for desk in desks),
        }
    )


def document(rounds: Sequence[Round]) -> list[dict[str, Any]]:
    """Every round as JSON."""
    return [{**vars(each), "good": each.good} for each in rounds]
