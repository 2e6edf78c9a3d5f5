"""A run's report as files: JSON for machines, a page for people."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from html import escape
from pathlib import Path

from bench.chaos.judge import WRONG
from bench.chaos.round import Round, Wanted, document
from bench.report import surroundings
from tests.safety.harms import Recoveries
from tests.safety.page import SECONDS, STYLE, fault_rows, harm_rows, table


@dataclass(frozen=True)
class Report:
    """A run. `recoveries` are the harms done to processes and connections, by name."""

    seed: int
    wanted: Wanted
    replicas: int
    rounds: Sequence[Round]
    recoveries: Mapping[str, Recoveries]

    @property
    def good(self) -> bool:
        return all(each.good for each in self.rounds)

    @property
    def command(self) -> str:
        """The same run again."""
        live = f"--each {self.wanted.each} --seconds {self.wanted.seconds:g} --harms {self.wanted.harms}"
        return f'make chaos ARGS="--seed {self.seed} --rounds {len(self.rounds)} {live} --replicas {self.replicas}"'


def write(report: Report, directory: Path) -> Path:
    """Write `chaos.json` and `chaos.html`; the page's path."""
    directory.mkdir(parents=True, exist_ok=True)
    found = {
        "good": report.good,
        "command": report.command,
        "surroundings": surroundings(),
        "rounds": document(report.rounds),
        "recoveries": {harm: asdict(each) for harm, each in report.recoveries.items()},
    }
    (directory / "chaos.json").write_text(json.dumps(found, indent=2) + "\n")
    page = directory / "chaos.html"
    page.write_text(_page(report))
    return page


def _page(report: Report) -> str:
    counted: Counter[str] = sum((each.counted for each in report.rounds), Counter())
    injected: Counter[str] = sum((each.injected for each in report.rounds), Counter())
    fired: Counter[str] = sum((each.fired for each in report.rounds), Counter())
    found = Counter({kind: sum(len(each.wrong.get(kind, ())) for each in report.rounds) for kind in WRONG})
    good = '<h2 class="good">Nothing unattended, nothing lost, nothing doubled, every digit equal</h2>'
    return "\n".join(
        [
            f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Chaos, seed {report.seed}</title>',
            f"<style>{STYLE}</style><h1>Executors under chaos</h1>",
            good if report.good else '<h2 class="wrong">The books differ</h2>',
            f"<p>{_story(report)}</p>",
            table(("What must not be", "found"), ((text, found[kind]) for kind, text in WRONG.items())),
            *_wrong(report.rounds),
            table(("In all rounds", ""), sorted(counted.items())),
            table(("Faults of the exchange", "injected", "fired"), fault_rows(dict(sorted(injected.items())), fired)),
            table(("Harm done", "times", "ready again", "longest", "serving again", "longest"), harm_rows(report.recoveries)),
            f"<p>{SECONDS}</p>",
            table(("Round", "", "live s", "settling s", "executors", "fills"), map(_row, report.rounds)),
            "</html>",
        ]
    )


def _story(report: Report) -> str:
    wanted = report.wanted
    return (
        f"{len(report.rounds)} rounds of {wanted.seconds:g} s with {wanted.each} executors of each type on each market, "
        f"{report.replicas} trading replicas, while prices jumped, funding was settled, the exchange failed, and processes "
        "were killed, frozen and cut off. Then everything was stopped and the exchange's journal compared with our REST API. "
        f"The same again: <code>{escape(report.command)}</code>"
    )


def _wrong(rounds: Sequence[Round]) -> list[str]:
    lines = [f"{each.name}: {line}" for each in rounds for kind in each.wrong.values() for line in kind]
    told = [f'<p class="wrong">{escape(line)}</p>' for line in lines]
    logs = [(name, text) for each in rounds for name, text in each.logs.items()]
    return told + [
        f"<details><summary>{name}</summary><pre>{escape(chr(10).join(text))}</pre></details>" for name, text in logs
    ]


def _row(each: Round) -> tuple[object, ...]:
    verdict = "good" if each.good else "WRONG"
    return each.name, verdict, each.live_seconds, each.settling_seconds, each.counted["executors"], each.counted["fills"]
