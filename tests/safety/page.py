"""A round's report as files: JSON for machines, a page for people."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from statistics import median

from tests.safety.checker import WRONG
from tests.safety.harms import Recoveries
from tests.safety.round import Report

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #1a1a1a; }
table { border-collapse: collapse; margin: 1rem 0; } td, th { text-align: left; padding: .25rem 1.5rem .25rem 0; }
tr { border-bottom: 1px solid #ddd; } td:nth-child(n+2), th:nth-child(n+2) { text-align: right; }
td { font-variant-numeric: tabular-nums; } code { background: #f2f2f2; padding: .1rem .3rem; }
.good { color: #17692b; } .wrong { color: #a11; }
"""
FAULTS = {
    "latency": "answers came late",
    "timeout_before": "no answer, nothing done",
    "timeout_after": "no answer, but done",
    "error_before": "HTTP 5xx, nothing done",
    "error_after": "HTTP 5xx, but done",
    "unknown_after": "code -1007, but done",
    "drop_events": "events of the user stream lost",
    "duplicate_events": "events told twice",
    "reorder_events": "events told in another order",
    "cut_socket": "user stream cut",
    "rate_limit": "HTTP 429 or 418",
    "clock_skew": "the exchange's clock 7 s off",
    "partial_fills": "fills cut into pieces",
    "maintenance": "exchange closed",
    "halt": "symbol halted",
}

SECONDS = (
    "Seconds, median and longest: until every process was ready, and until every account that still traded had been answered. "
    "Recoveries into which the next harm fell are counted, not timed."
)


def write(report: Report, directory: Path) -> Path:
    """Write `order-safety.json` and `order-safety.html`; the page's path."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "order-safety.json").write_text(json.dumps(report.document(), indent=2) + "\n")
    page = directory / "order-safety.html"
    page.write_text(_page(report))
    return page


def _page(report: Report) -> str:
    good = '<h2 class="good">Nothing lost, nothing doubled</h2>'
    lines = [escape(line) for kind in report.wrong.values() for line in kind]
    return "\n".join(
        [
            f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Order safety, seed {report.seed}</title>',
            f"<style>{STYLE}</style><h1>Order safety</h1>",
            good if report.good else '<h2 class="wrong">The books differ</h2>',
            f"<p>{_story(report)}</p>",
            table(("What must not be", "found"), ((text, len(report.wrong.get(kind, ()))) for kind, text in WRONG.items())),
            *(f'<p class="wrong">{line}</p>' for line in lines),
            table(("The clients' requests", ""), report.requests.items()),
            table(("The books", ""), report.counted.items()),
            table(("Faults of the exchange", "injected", "fired"), fault_rows(report.faults_injected, report.faults_fired)),
            table(("Where they struck", "injected"), report.faults_by_endpoint.items()),
            table(
                ("Harm done to processes", "times", "ready again", "longest", "serving again", "longest"),
                harm_rows(report.recoveries),
            ),
            f"<p>{SECONDS}</p></html>",
        ]
    )


def _story(report: Report) -> str:
    replay = f"make safety ARGS=&quot;--orders {report.orders} --accounts {report.accounts} --seed {report.seed}&quot;"
    return (
        f"{report.orders:,} orders of {report.accounts} accounts were asked for from {escape(report.began)} on, each with an "
        f"Idempotency-Key, and again until they were answered, while the exchange failed and processes were killed. "
        f"Trading took {report.trading_seconds:,.0f} s, the judge's last word {report.settling_seconds:,.0f} s more. "
        "The judge compares the exchange's journal with our REST API and reads every order's events from the stream. "
        f"The same again: <code>{replay}</code>"
    )


def fault_rows(injected: Mapping[str, int], fired: Mapping[str, int]) -> Iterable[Sequence[object]]:
    """Each kind of fault with what it does and how often."""
    for kind, count in injected.items():
        yield f"{kind}: {FAULTS.get(kind, '')}", count, fired.get(kind, 0)


def harm_rows(recoveries: Mapping[str, Recoveries]) -> Iterable[Sequence[object]]:
    """Each harm with its times: of the stack, and of those it serves."""
    for harm, found in recoveries.items():
        yield harm, found.times, *_middle_and_longest(found.ready), *_middle_and_longest(found.serving)


def _middle_and_longest(seconds: Sequence[float]) -> tuple[str, str]:
    return (f"{median(seconds):.1f}", f"{max(seconds):.1f}") if seconds else ("-", "-")


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """An HTML table; text is escaped."""
    headings = "".join(f"<th>{escape(text)}</th>" for text in head)
    body = "".join(f"<tr>{''.join(f'<td>{escape(_shown(cell))}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><tr>{headings}</tr>{body}</table>"


def _shown(cell: object) -> str:
    return f"{cell:,}" if isinstance(cell, int) else str(cell)
