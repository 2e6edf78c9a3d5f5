"""Clients that never give up: each order has one Idempotency-Key, and is asked for again until there is an answer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.safety.plans import CONNECTOR, Plan

LANES = 3
"""Orders of one account that are under way at the same time."""
PATIENCE = 400.0
AGAIN = 0.3
"""Seconds until the same request is sent again, unless the answer says how long to wait."""
HALTED = "TradingPairUnknown"
"""The code that refuses an order for a pair which the exchange does not list, as it lists none that is halted."""
FINAL = frozenset({200, 201, 400, 404, 422})


@dataclass
class Trader:
    """One account's client.

    `accepted` holds the order id by key, `asked` what was asked for by order id, `refused` the refusal by key. `complaints`
    are answers that no client may get. `served_at` is when the last request was sent that was answered for good (monotonic).
    """

    account: str
    api_key: str
    accepted: dict[str, str] = field(default_factory=dict)
    asked: dict[str, dict[str, Any]] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    complaints: list[str] = field(default_factory=list)
    requests: int = 0
    retries: int = 0
    slowed: int = 0
    failures: int = 0
    cancels: int = 0
    misused: int = 0
    placed: int = 0
    served_at: float = 0.0
    finished: bool = False

    async def trade(self, http: httpx.AsyncClient, plans: Iterable[Plan]) -> None:
        """Carry out plans, some at the same time."""
        waiting = iter(plans)
        async with asyncio.TaskGroup() as lanes:
            for _ in range(LANES):
                lanes.create_task(self._lane(http, waiting))
        self.finished = True

    async def _lane(self, http: httpx.AsyncClient, plans: Iterator[Plan]) -> None:
        for plan in plans:
            await asyncio.gather(*(self._place(http, plan) for _ in range(2 if plan.twice else 1)))
            if plan.again:
                await self._place(http, plan)
            if plan.misuse and plan.key in self.accepted:
                await self._misuse(http, plan)
            if plan.cancel is not None and plan.key in self.accepted:
                await asyncio.sleep(plan.cancel)
                await self._cancel(http, f"orders/{self.accepted[plan.key]}/cancel", f"cancel-{plan.key}")
            if plan.cancel_all:
                await self._cancel(http, "orders/cancel-all", f"cancel-all-{plan.key}")
            self.placed += 1
            await asyncio.sleep(plan.pause)

    async def _place(self, http: httpx.AsyncClient, plan: Plan) -> None:
        answer = await self._insist(http, "/trading/orders", plan.key, plan.body)
        if answer is None:
            return
        if answer.status_code == 201:
            order_id = answer.json()["order_id"]
            self.asked[order_id] = plan.body
            known = self.accepted.setdefault(plan.key, order_id)
            if known != order_id:
                self.complaints.append(f"{plan.key} is order {known} and order {order_id}")
        else:
            self.refused[plan.key] = f"{answer.status_code} {answer.text[:900]}"
            if plan.key in self.accepted:
                self.complaints.append(f"{plan.key} is order {self.accepted[plan.key]}, then {self.refused[plan.key]}")
        if plan.valid and HALTED in self.refused.get(plan.key, ""):
            return
        if plan.valid is (plan.key in self.refused):
            told = self.refused.get(plan.key, "accepted")
            self.complaints.append(f"{plan.key}, {'good' if plan.valid else 'too small'}: {told}")

    async def _misuse(self, http: httpx.AsyncClient, plan: Plan) -> None:
        """Another order under a key that was used: a mistake of the client, which it must be told."""
        body = plan.body | {"amount": "0.7"}
        answer = await self._insist(http, "/trading/orders", plan.key, body)
        self.misused += 1
        if answer is not None and answer.status_code != 422:
            self.complaints.append(f"{plan.key} with another body: {answer.status_code} {answer.text[:300]}")

    async def _cancel(self, http: httpx.AsyncClient, path: str, key: str) -> None:
        """200, or 404 for an order that is no longer open."""
        answer = await self._insist(http, f"/trading/{self.account}/{CONNECTOR}/{path}", key, None)
        self.cancels += 1
        if answer is not None and answer.status_code not in (200, 404):
            self.complaints.append(f"{key}: {answer.status_code} {answer.text[:300]}")

    async def _insist(self, http: httpx.AsyncClient, path: str, key: str, body: Any) -> httpx.Response | None:
        """Send the same request until it is answered for good. None, and a complaint, when nobody can wait that long."""
        deadline = time.monotonic() + PATIENCE
        told = "nothing"
        while (sent := time.monotonic()) < deadline:
            self.requests += 1
            wait = AGAIN
            try:
                answer = await http.post(path, json=body, headers={"Idempotency-Key": key})
            except httpx.HTTPError as error:
                told = repr(error)
            else:
                if answer.status_code in FINAL:
                    self.served_at = max(self.served_at, sent)
                    return answer
                told = f"{answer.status_code} {answer.text[:300]}"
                self.slowed += answer.status_code == 429
                self.failures += answer.status_code == 500
                wait = float(answer.headers.get("Retry-After", wait))
            self.retries += 1
            await asyncio.sleep(wait)
        self.complaints.append(f"{key} was not answered within {PATIENCE:g} s, at last: {told}")
        return None
