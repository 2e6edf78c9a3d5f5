"""A round's report as files: JSON for machines, a page for people."""

from __future__ import annotations

import json
from html import escape
from pathlib import Path
from typing import Any

from tests.safety.round import Report

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #1a1a1a; }
table { border-collapse: collapse; margin: 1rem 0; } td, th { text-align: left; padding: .25rem 1rem .25rem 0; }
tr { border-bottom: 1px solid #ddd; } td:nth-child(n+2) { font-variant-numeric: tabular-nums; }
.good { color: #17692b; } .wrong { color: #a11; }
"""


def write(report: Report, directory: Path) -> Path:
    """Write `order-safety.json` and `order-safety.html`; the page's path."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "order-safety.json").write_text(json.dumps(report.document(), indent=2) + "\n")
    page = directory / "order-safety.html"
    page.write_text(_page(report))
    return page


def _page(report: Report) -> str:
    verdict = (
        '<h2 class="good">Nothing lost, nothing doubled</h2>' if report.good else '<h2 class="wrong">The books differ</h2>'
    )
    lines = [escape(line) for kind in report.wrong.values() for line in kind]
    run = {
        "Orders asked for": report.orders,
        "Accounts": report.accounts,
        "Requests sent": report.requests,
        "of which repeated": report.retries,
        "Cancels asked for": report.cancels,
        "Orders refused": len(report.refused),
        "Seconds trading": report.trading_seconds,
        "Seconds until the books agreed": report.settling_seconds,
    }
    faults = {
        kind: f"{count} injected, fired {report.faults_fired.get(kind, 0)}" for kind, count in report.faults_injected.items()
    }
    return "\n".join(
        [
            f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Order safety, seed {report.seed}</title>',
            f"<style>{STYLE}</style><h1>Order safety, seed {report.seed}</h1>",
            verdict,
            _table("What must be 0", {kind.replace("_", " "): len(found) for kind, found in report.wrong.items()}),
            *(f'<p class="wrong">{line}</p>' for line in lines),
            _table("The round", run),
            _table("The books", report.counted),
            _table("Faults of the exchange", faults),
            _table("Processes killed", report.killed),
            "</html>",
        ]
    )


def _table(title: str, rows: dict[str, Any]) -> str:
    cells = "".join(f"<tr><td>{escape(str(name))}</td><td>{escape(str(value))}</td></tr>" for name, value in rows.items())
    return f"<h2>{title}</h2><table>{cells}</table>"
