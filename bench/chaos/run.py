"""Rounds on stacks: many on one, then a new one, for the judge reads the whole journal of a stack."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import signal
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import httpx
from hummingbus.home import Home
from hummingbus.stack.report import read_report

from bench.chaos import page
from bench.chaos.page import Report
from bench.chaos.round import Round, Stage, Wanted
from tests.safety.exchange import Exchange
from tests.safety.harms import PROCESSES, Harms, Recoveries, signalled
from tests.safety.links import Links
from tests.stack import PASSWORD, USERNAME, Stack, eventually, prepared

ON_ONE_STACK = 20
"""Rounds; a stack on which the books differ is not used again."""
SETTINGS = {"TRADING_RECONCILE_INTERVAL": "5", "GATEWAY_API_RATE_LIMIT": "0"}
"""Sessions look for what they missed more often than they would: the end of a round waits for that."""


def played(seed: int, rounds: int, wanted: Wanted, replicas: int, reports: Path, first: int = 0) -> Report:
    """Play rounds from number `first` on; each tells how it went on standard output.

    Logs of a stack on which books differ are kept in `reports`, with what each task of trading waited for.
    """
    done: list[Round] = []
    recoveries: dict[str, Recoveries] = {}
    while len(done) < rounds:
        begun = first + len(done)
        numbers = range(begun, min(begun + ON_ONE_STACK, first + rounds))
        with prepared(HUMMINGBUS_TRADING_REPLICAS=str(replicas), **SETTINGS) as stack:
            links = Links(stack)
            with links.laid(stack):
                stack.up()
                try:
                    done += asyncio.run(_on(stack, links, seed, numbers, wanted, replicas, recoveries))
                finally:
                    if first + len(done) < numbers.stop or not done[-1].good:
                        _tell_stacks(stack)
                        shutil.copytree(
                            Home(stack.home).logs, reports / f"logs-s{seed}r{first + len(done)}", dirs_exist_ok=True
                        )
        # A run of hours may be ended early: what was played is told.
        page.write(Report(seed, wanted, replicas, done, recoveries), reports)
    return Report(seed, wanted, replicas, done, recoveries)


async def _on(
    stack: Stack, links: Links, seed: int, numbers: Sequence[int], wanted: Wanted, replicas: int, into: dict[str, Recoveries]
) -> list[Round]:
    exchange, done = Exchange(stack), list[Round]()
    async with httpx.AsyncClient(base_url=stack.url, auth=(USERNAME, PASSWORD), timeout=45) as http:
        stage = Stage(stack, exchange, http)
        processes = (*PROCESSES, *(f"trading-{number}" for number in range(2, replicas + 1)))
        # Each stack of a run has harms of its own.
        harms = Harms(stack, seed + numbers[0], [], stage.forgetting, links, processes)
        for number in numbers:
            done.append(await stage.play(seed, number, wanted, harms))
            _tell(done[-1])
            if not done[-1].good:
                break
    await exchange.close()
    for harm, found in harms.done.items():
        known = into.setdefault(harm, Recoveries())
        known.times, known.ready = known.times + found.times, known.ready + found.ready
    return done


def _tell_stacks(stack: Stack) -> None:
    """Have trading log where its tasks stand; a process that is away, or does not get to it, is left out."""
    home = Home(stack.home)
    report = read_report(home)
    for program in report.programs if report else ():
        process = program.process() if program.name.startswith("trading") else None
        if process is not None:
            signalled(process, signal.SIGUSR1)
            with contextlib.suppress(AssertionError):
                eventually(partial(_told, home.log(program.name)), f"{program.name} tells where its tasks stand", timeout=5)


def _told(log: Path) -> bool:
    return "tasks were told of" in log.read_text()


def _tell(done: Round) -> None:
    verdict = "good" if done.good else "WRONG"
    counts = f"{done.counted['executors']} executors, {done.counted['fills']} fills"
    sys.stdout.write(
        f"  {done.name} {verdict}: {counts}, {done.live_seconds:g} s live, {done.settling_seconds:g} s until quiet\n"
    )
    for line in (line for kind, lines in done.wrong.items() for line in (f"    {kind}: {each}\n" for each in lines)):
        sys.stdout.write(line)
    sys.stdout.flush()
