"""Checks of market data: its feeds, and the folder of its candles."""

from __future__ import annotations

import os
from collections.abc import Iterator

import httpx
from service_kit.metrics import measured

from hummingbus.doctor.finding import Finding, failure, ok, warning
from hummingbus.doctor.installation import Installation
from hummingbus.embedded.nats_permissions import MARKET_DATA
from hummingbus.embedded.ports import LOOPBACK
from hummingbus.stack.layout import market_data_replicas

FEEDS, WAITING = "hummingbus_market_data_feeds", "hummingbus_market_data_feeds_waiting"


def candle_store(installation: Installation) -> Iterator[Finding]:
    """Candles can be kept."""
    named = installation.settings.services.get(MARKET_DATA, {}).get("MARKET_DATA_CANDLE_DIR")
    folder = named or str(installation.home.candles)
    if not os.path.isdir(folder):
        yield ok("candles", "none are kept yet")
    elif os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        yield ok("candles", f"kept in {folder}")
    else:
        found = f"{folder} cannot be written: history is asked of the exchanges again and again"
        yield failure("candles", found, f"chmod u+rwx {folder}")


async def feeds(installation: Installation) -> list[Finding]:
    """What each replica runs, while the stack runs."""
    if installation.supervisor is None:
        return []
    async with httpx.AsyncClient(timeout=5) as client:
        return [await _feeds(installation, client, name) for name in market_data_replicas(installation.settings)]


async def _feeds(installation: Installation, client: httpx.AsyncClient, process: str) -> Finding:
    try:
        port = installation.ports[f"{process}-health"]
        answer = (await client.get(f"http://{LOOPBACK}:{port}/metrics")).raise_for_status()
    except (httpx.HTTPError, KeyError) as error:
        return warning("feeds", f"{process} does not tell its feeds: {type(error).__name__}", f"hummingbus logs {process}")
    return judged(process, answer.text)


def judged(process: str, metrics: str) -> Finding:
    """The feeds told by the metrics of one process."""
    running, waiting = (sum(int(value) for _, value in measured(metrics, name)) for name in (FEEDS, WAITING))
    if not waiting:
        return ok("feeds", f"{process} runs {running} feeds, all of them current")
    found = f"{waiting} of {running} feeds of {process} are not current"
    return warning("feeds", found, "GET /market-data/active-feeds   (tells the reason of each)")
