"""Clients that place orders: each has one Idempotency-Key, and is asked for again until there is an answer."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.safety.client import Client
from tests.safety.plans import CONNECTOR, Plan

LANES = 3
"""Orders of one account that are under way at the same time."""
HALTED = "TradingPairUnknown"
"""The code that refuses an order for a pair which the exchange does not list, as it lists none that is halted."""


@dataclass
class Trader(Client):
    """One account's client. `accepted` holds the order id by key, `asked` what was asked for by order id, `refused` the refusal
    by key.
    """

    accepted: dict[str, str] = field(default_factory=dict)
    asked: dict[str, dict[str, Any]] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    cancels: int = 0
    misused: int = 0
    placed: int = 0

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
        answer = await self.insist(http, "/trading/orders", plan.key, plan.body)
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
        answer = await self.insist(http, "/trading/orders", plan.key, body)
        self.misused += 1
        if answer is not None and answer.status_code != 422:
            self.complaints.append(f"{plan.key} with another body: {answer.status_code} {answer.text[:300]}")

    async def _cancel(self, http: httpx.AsyncClient, path: str, key: str) -> None:
        """200, or 404 for an order that is no longer open."""
        answer = await self.insist(http, f"/trading/{self.account}/{CONNECTOR}/{path}", key, None)
        self.cancels += 1
        if answer is not None and answer.status_code not in (200, 404):
            self.complaints.append(f"{key}: {answer.status_code} {answer.text[:300]}")
