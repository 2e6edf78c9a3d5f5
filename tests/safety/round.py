"""One round: accounts trade while everything goes wrong, then the books are compared until they agree or time is up."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import httpx
from hummingbot_api_client import HummingbotAPIClient
from hummingbus.home import Home

from tests.ledger import books
from tests.safety.adversary import Adversary
from tests.safety.checker import Verdict, judge, judge_evidence, together
from tests.safety.evidence import order_events
from tests.safety.exchange import Exchange
from tests.safety.harms import HARMS, Harms, Recoveries
from tests.safety.journal import ledgers
from tests.safety.plans import CONNECTOR, plans
from tests.safety.traders import HALTED, Trader
from tests.stack import PASSWORD, USERNAME, Stack

SETTLE_SECONDS = 300.0
SESSION_SECONDS = 180.0
FUNDS = {"USDT": "10000000", "BTC": "100", "ETH": "1000"}
ORDERS_PER_HARM = 70


@dataclass
class Report:
    """A round's result. `wrong` holds what must be empty, by kind; `recoveries` the harms done to processes, by name."""

    seed: int
    orders: int
    accounts: int
    began: str
    good: bool
    wrong: dict[str, list[str]]
    counted: dict[str, int]
    faults_injected: dict[str, int]
    faults_fired: dict[str, int]
    faults_by_endpoint: dict[str, int]
    recoveries: dict[str, Recoveries]
    requests: dict[str, int] = field(default_factory=dict)
    trading_seconds: float = 0.0
    settling_seconds: float = 0.0

    def document(self) -> dict[str, Any]:
        """The report as JSON."""
        return asdict(self)


async def run(stack: Stack, *, orders: int, accounts: int, seed: int) -> Report:
    """Trade `orders` over `accounts` on a running stack with everything going wrong, and judge the books."""
    began, exchange = datetime.now(UTC), Exchange(stack)
    async with httpx.AsyncClient(base_url=stack.url, auth=(USERNAME, PASSWORD), timeout=30) as http:
        traders = [await _open_account(stack, http, number) for number in range(accounts)]
        await asyncio.gather(*(_session_ready(http, trader) for trader in traders))
        adversary = Adversary(exchange, seed, [trader.api_key for trader in traders])
        harms = Harms(stack, seed, traders, adversary.count)
        started = time.monotonic()
        await _trade(http, traders, adversary, harms, _Order(orders, seed, await exchange.prices()))
        traded = time.monotonic()
        await adversary.stop()
    await asyncio.to_thread(stack.wait_ready)
    verdict = await _settled(stack, traders)
    await exchange.close()
    return Report(
        seed=seed,
        orders=orders,
        accounts=accounts,
        began=began.isoformat(timespec="seconds"),
        good=verdict.good,
        wrong=dict(verdict.wrong),
        counted=dict(sorted(verdict.counted.items())),
        faults_injected=dict(sorted(adversary.injected.items())),
        faults_fired=dict(sorted(adversary.fired.items())),
        faults_by_endpoint=dict(sorted(adversary.struck.items())),
        recoveries={harm: harms.done[harm] for harm in HARMS if harm in harms.done},
        requests=_requests(traders),
        trading_seconds=round(traded - started, 1),
        settling_seconds=round(time.monotonic() - traded, 1),
    )


def _requests(traders: Sequence[Trader]) -> dict[str, int]:
    return {
        "sent": sum(trader.requests for trader in traders),
        "repeated": sum(trader.retries for trader in traders),
        "told to wait (429)": sum(trader.slowed for trader in traders),
        "answered with an internal error (500)": sum(trader.failures for trader in traders),
        "cancels": sum(trader.cancels for trader in traders),
        "keys used for another order": sum(trader.misused for trader in traders),
        "orders accepted": sum(len(trader.accepted) for trader in traders),
        "orders refused, too small": sum(HALTED not in why for trader in traders for why in trader.refused.values()),
        "orders refused, pair halted": sum(HALTED in why for trader in traders for why in trader.refused.values()),
    }


async def _open_account(stack: Stack, http: httpx.AsyncClient, number: int) -> Trader:
    keys = await asyncio.to_thread(lambda: stack.sandbox_account(**FUNDS))
    name = f"safety_{number}"
    (await http.post("/accounts/add-account", params={"account_name": name})).raise_for_status()
    fields = {"binance_api_key": keys["api_key"], "binance_api_secret": keys["api_secret"]}
    (await http.post(f"/accounts/add-credential/{name}/{CONNECTOR}", json=fields)).raise_for_status()
    return Trader(name, keys["api_key"])


async def _session_ready(http: httpx.AsyncClient, trader: Trader) -> None:
    async with asyncio.timeout(SESSION_SECONDS):
        path = f"/trading/{trader.account}/{CONNECTOR}/orders/cancel-all"
        while (await http.post(path)).status_code != 200:  # noqa: ASYNC110 - asked over HTTP
            await asyncio.sleep(0.3)


@dataclass(frozen=True)
class _Order:
    """How much is to be traded, from which seed, around which prices."""

    orders: int
    seed: int
    prices: Mapping[str, float]


async def _trade(
    http: httpx.AsyncClient, traders: Sequence[Trader], adversary: Adversary, harms: Harms, wanted: _Order
) -> None:
    """Let all accounts trade under fire. Every harm is done at least once."""
    shares = [wanted.orders // len(traders) + (number < wanted.orders % len(traders)) for number in range(len(traders))]

    def progress() -> float:
        return sum(trader.placed for trader in traders) / wanted.orders

    async with asyncio.TaskGroup() as tasks:
        injecting = tasks.create_task(adversary.inject_for_ever())
        harming = tasks.create_task(harms.along(progress, max(len(HARMS), wanted.orders // ORDERS_PER_HARM)))
        trading = [
            tasks.create_task(trader.trade(http, plans(trader.account, wanted.seed, share, wanted.prices)))
            for trader, share in zip(traders, shares, strict=True)
        ]
        await asyncio.wait(trading)
        await harming
        injecting.cancel()


async def _settled(stack: Stack, traders: Sequence[Trader]) -> Verdict:
    """The first good verdict, or the last when the time is up."""
    deadline = time.monotonic() + SETTLE_SECONDS
    async with HummingbotAPIClient(stack.url, USERNAME, PASSWORD) as client:
        while True:
            verdict: Verdict | None = None
            try:
                verdict = await _judged(stack, traders, client)
            except (aiohttp.ClientError, OSError):
                # A process is just coming back.
                if time.monotonic() >= deadline:
                    raise
            if verdict is not None and (verdict.good or not verdict.may_heal or time.monotonic() >= deadline):
                return verdict
            await asyncio.sleep(1)


async def _judged(stack: Stack, traders: Sequence[Trader], client: Any) -> Verdict:
    ours = [await books(client, trader.account, CONNECTOR) for trader in traders]
    theirs = ledgers(Home(Path(stack.home)).sandbox)
    verdicts = [judge(trader, mine, theirs[trader.api_key]) for trader, mine in zip(traders, ours, strict=True)]
    events = await order_events(stack)
    return together([*verdicts, *(judge_evidence(events, trader) for trader in traders)])
