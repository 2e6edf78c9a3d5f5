"""One round: accounts trade while everything goes wrong, then the books are compared until they agree or time is up."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import aiohttp
import httpx
from hummingbot_api_client import HummingbotAPIClient

from tests.ledger import books
from tests.safety.adversary import Adversary, Exchange
from tests.safety.checker import Verdict, judge, judge_evidence, together
from tests.safety.traders import CONNECTOR, Trader
from tests.stack import PASSWORD, USERNAME, Stack

SETTLE_SECONDS = 300.0
FUNDS = {"USDT": "10000000", "BTC": "100"}
ORDERS_PER_KILL = 80


@dataclass
class Report:
    """A round's result. `wrong` holds what must be empty, by kind."""

    seed: int
    orders: int
    accounts: int
    good: bool
    wrong: dict[str, list[str]]
    counted: dict[str, int]
    faults_injected: dict[str, int]
    faults_fired: dict[str, int]
    killed: dict[str, int]
    refused: dict[str, str] = field(default_factory=dict)
    requests: int = 0
    retries: int = 0
    cancels: int = 0
    trading_seconds: float = 0.0
    settling_seconds: float = 0.0

    def document(self) -> dict[str, Any]:
        """The report as JSON."""
        return asdict(self)


async def run(stack: Stack, *, orders: int, accounts: int, seed: int) -> Report:
    """Trade `orders` over `accounts` on a running stack with everything going wrong, and judge the books."""
    exchange = Exchange(stack)
    async with httpx.AsyncClient(base_url=stack.url, auth=(USERNAME, PASSWORD), timeout=30) as http:
        traders = [await _open_account(stack, http, number, seed) for number in range(accounts)]
        await asyncio.gather(*(_session_ready(http, trader) for trader in traders))
        adversary = Adversary(stack, exchange, seed, [trader.api_key for trader in traders])
        began = time.monotonic()
        await _trade(http, traders, adversary, orders)
        traded = time.monotonic()
        await adversary.stop()
    await asyncio.to_thread(stack.wait_ready)
    verdict = await _settled(stack, exchange, traders)
    await exchange.close()
    return Report(
        seed=seed,
        orders=orders,
        accounts=accounts,
        good=verdict.good,
        wrong=dict(verdict.wrong),
        counted=dict(sorted(verdict.counted.items())),
        faults_injected=dict(sorted(adversary.injected.items())),
        faults_fired=dict(sorted(adversary.fired.items())),
        killed=dict(sorted(adversary.killed.items())),
        refused={key: why for trader in traders for key, why in trader.refused.items()},
        requests=sum(trader.requests for trader in traders),
        retries=sum(trader.retries for trader in traders),
        cancels=sum(trader.cancels for trader in traders),
        trading_seconds=round(traded - began, 1),
        settling_seconds=round(time.monotonic() - traded, 1),
    )


async def _open_account(stack: Stack, http: httpx.AsyncClient, number: int, seed: int) -> Trader:
    keys = await asyncio.to_thread(lambda: stack.sandbox_account(**FUNDS))
    name = f"safety_{number}"
    (await http.post("/accounts/add-account", params={"account_name": name})).raise_for_status()
    fields = {"binance_api_key": keys["api_key"], "binance_api_secret": keys["api_secret"]}
    (await http.post(f"/accounts/add-credential/{name}/{CONNECTOR}", json=fields)).raise_for_status()
    return Trader(name, keys["api_key"], seed)


async def _session_ready(http: httpx.AsyncClient, trader: Trader) -> None:
    async with asyncio.timeout(120):
        path = f"/trading/{trader.account}/{CONNECTOR}/orders/cancel-all"
        while (await http.post(path)).status_code != 200:  # noqa: ASYNC110 - asked over HTTP
            await asyncio.sleep(0.3)


async def _trade(http: httpx.AsyncClient, traders: Sequence[Trader], adversary: Adversary, orders: int) -> None:
    """Let all accounts trade under fire. Everything is killed at least once."""
    shares = [orders // len(traders) + (number < orders % len(traders)) for number in range(len(traders))]

    def progress() -> float:
        return sum(len(trader.accepted) + len(trader.refused) for trader in traders) / orders

    async with asyncio.TaskGroup() as tasks:
        injecting = tasks.create_task(adversary.inject_for_ever())
        killing = tasks.create_task(adversary.kill_along(progress, max(6, orders // ORDERS_PER_KILL)))
        trading = [tasks.create_task(trader.trade(http, share)) for trader, share in zip(traders, shares, strict=True)]
        await asyncio.wait(trading)
        await killing
        injecting.cancel()


async def _settled(stack: Stack, exchange: Exchange, traders: Sequence[Trader]) -> Verdict:
    """The first good verdict, or the last when the time is up."""
    deadline = time.monotonic() + SETTLE_SECONDS
    async with HummingbotAPIClient(stack.url, USERNAME, PASSWORD) as client:
        while True:
            try:
                verdicts = [
                    judge(trader, await books(client, trader.account, CONNECTOR), await exchange.ledger(trader.api_key))
                    for trader in traders
                ]
                verdict = together([*verdicts, await judge_evidence(stack)])
            except (aiohttp.ClientError, httpx.HTTPError, OSError, KeyError):
                # A process is just coming back, or a session has not reported its balances yet.
                verdict = None
            late = time.monotonic() >= deadline
            if verdict is not None and (verdict.good or late):
                return verdict
            assert not late, "the books could not be read in time"
            await asyncio.sleep(1)
