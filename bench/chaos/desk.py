"""The clients of a round: they open accounts, create executors and stop them, and ask again until they are answered."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass, field

import httpx

from bench.chaos.plans import CONNECTORS, FUTURES, Plan
from tests.safety.client import Client
from tests.safety.exchange import Exchange

FUNDS = {"USDT": "10000000", "BTC": "100", "ETH": "1000"}
MARGIN = "10000000"
HALTED = "TradingPairUnknown"
"""A pair that is halted is not listed."""
READY_SECONDS = 240.0


@dataclass
class Desk(Client):
    """One account's client. `made` are the ids of its executors, by the key of their plan; `refused` those never created."""

    made: dict[str, str] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)

    async def perform(self, http: httpx.AsyncClient, plan: Plan) -> None:
        """Create an executor when its time has come, and stop it when that has."""
        await asyncio.sleep(plan.begin)
        began = time.monotonic()
        await self.create(http, plan)
        if plan.stop is not None:
            await asyncio.sleep(max(0.0, plan.stop - plan.begin - (time.monotonic() - began)))
            await self.stop(http, plan, "stop")

    async def create(self, http: httpx.AsyncClient, plan: Plan) -> None:
        """Under a controller of its own, so that figures of controllers are those of executors."""
        body = {"account_name": self.account, "controller_id": plan.key, "executor_config": plan.config}
        answer = await self.insist(http, "/executors/", plan.key, body)
        if answer is None:
            return
        if answer.status_code == 201:
            self.made[plan.key] = answer.json()["executor_id"]
        else:
            self.refused[plan.key] = f"{answer.status_code} {answer.text[:500]}"
            if HALTED not in answer.text:
                self.complaints.append(f"{plan.key} {json.dumps(plan.config)}: {self.refused[plan.key]}")

    async def stop(self, http: httpx.AsyncClient, plan: Plan, name: str) -> None:
        """200, or 404 for one that has ended."""
        executor_id = self.made.get(plan.key)
        if executor_id is None:
            return
        body = {} if plan.keep is None else {"keep_position": plan.keep}
        answer = await self.insist(http, f"/executors/{executor_id}/stop", f"{name}-{plan.key}", body)
        if answer is not None and answer.status_code not in (200, 404):
            self.complaints.append(f"stop of {executor_id}: {answer.status_code} {answer.text[:300]}")

    async def close(self, http: httpx.AsyncClient) -> None:
        """Delete the account; nothing may be open any more."""
        answer = await self.insist(
            http, f"/accounts/delete-account?account_name={self.account}", f"delete-{self.account}", None
        )
        if answer is not None and answer.status_code != 200:
            self.complaints.append(f"{self.account} is not deleted: {answer.status_code} {answer.text[:300]}")


async def opened(exchange: Exchange, http: httpx.AsyncClient, name: str, *, hedge: bool) -> Desk:
    """A funded account that trades on both connectors, once its sessions take orders."""
    keys = await exchange.open_account(FUNDS, MARGIN)
    desk = Desk(name, keys["api_key"])
    await desk.insist(http, f"/accounts/add-account?account_name={name}", f"add-{name}", None)
    for connector in CONNECTORS:
        fields = {f"{connector}_{field}": keys[field] for field in ("api_key", "api_secret")}
        answer = await desk.insist(
            http, f"/accounts/add-credential/{name}/{connector}", f"credential-{name}-{connector}", fields
        )
        assert answer is not None
        assert answer.status_code == 201, answer.text
    async with asyncio.timeout(READY_SECONDS):
        while not all([await _takes_orders(http, name, connector) for connector in CONNECTORS]):  # noqa: ASYNC110 - over HTTP
            await asyncio.sleep(0.5)
    mode = {"position_mode": "HEDGE" if hedge else "ONEWAY"}
    answer = await desk.insist(http, f"/trading/{name}/{FUTURES}/position-mode", f"mode-{name}", mode)
    assert answer is not None
    assert answer.status_code == 200, answer.text
    return desk


async def _takes_orders(http: httpx.AsyncClient, account: str, connector: str) -> bool:
    try:
        return (await http.post(f"/trading/{account}/{connector}/orders/cancel-all")).status_code == 200
    except httpx.HTTPError:
        return False
