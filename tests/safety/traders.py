"""Clients that never give up: each order has one Idempotency-Key, and is asked for again until there is an answer."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field
from typing import Any

import httpx

CONNECTOR, PAIR = "binance", "BTC-USDT"
PAUSE = 0.12
"""Seconds between two orders of an account: the exchange lets a session place 100 in 10 s."""
PATIENCE = 300.0
FINAL = frozenset({200, 201, 400, 404})

KINDS: tuple[dict[str, Any], ...] = (
    {"trade_type": "BUY", "amount": 0.001, "order_type": "MARKET"},
    {"trade_type": "SELL", "amount": 0.001, "order_type": "MARKET"},
    {"trade_type": "BUY", "amount": 0.001, "order_type": "LIMIT", "price": 900000},
    {"trade_type": "SELL", "amount": 0.001, "order_type": "LIMIT", "price": 20000},
    {"trade_type": "BUY", "amount": 0.01, "order_type": "LIMIT", "price": 1000},
    {"trade_type": "SELL", "amount": 0.001, "order_type": "LIMIT_MAKER", "price": 900000},
)
"""Two that fill at market, two limits that cross, two that rest."""
RESTING = frozenset({4, 5})


@dataclass
class Trader:
    """One account's client. `accepted` holds the order id by key, `refused` the refusal by key, `retries` repeated requests."""

    account: str
    api_key: str
    seed: int
    accepted: dict[str, str] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    contradictions: list[str] = field(default_factory=list)
    requests: int = 0
    retries: int = 0
    cancels: int = 0

    async def trade(self, http: httpx.AsyncClient, orders: int) -> None:
        """Place orders one after another; some commands are repeated for no reason, most resting orders are cancelled."""
        chance = random.Random(f"{self.seed}/{self.account}")
        for number in range(orders):
            kind = chance.randrange(len(KINDS))
            key = f"safety-{self.account}-{number}"
            body = {"account_name": self.account, "connector_name": CONNECTOR, "trading_pair": PAIR, **KINDS[kind]}
            twice, again, cancels = chance.random() < 0.1, chance.random() < 0.1, chance.random() < 0.8
            sent = [self._place(http, key, body) for _ in range(2 if twice else 1)]
            await asyncio.gather(*sent)
            if again:
                await self._place(http, key, body)
            if kind in RESTING and cancels and key in self.accepted:
                await self._cancel(http, self.accepted[key])
            await asyncio.sleep(PAUSE)

    async def _place(self, http: httpx.AsyncClient, key: str, body: dict[str, Any]) -> None:
        answer = await self._insist(http, "/trading/orders", key, body)
        if answer.status_code == 201:
            order_id = answer.json()["order_id"]
            known = self.accepted.setdefault(key, order_id)
            if known != order_id:
                self.contradictions.append(f"{key} is order {known} and order {order_id}")
        else:
            self.refused[key] = f"{answer.status_code} {answer.text[:300]}"
        if key in self.refused and key in self.accepted:
            self.contradictions.append(f"{key} is order {self.accepted[key]}, and was refused: {self.refused[key]}")

    async def _cancel(self, http: httpx.AsyncClient, order_id: str) -> None:
        path = f"/trading/{self.account}/{CONNECTOR}/orders/{order_id}/cancel"
        await self._insist(http, path, f"cancel-{order_id}", None)
        self.cancels += 1

    async def _insist(self, http: httpx.AsyncClient, path: str, key: str, body: Any) -> httpx.Response:
        """Send the same request until it is answered for good."""
        async with asyncio.timeout(PATIENCE):
            while True:
                self.requests += 1
                wait = 0.3
                try:
                    answer = await http.post(path, json=body, headers={"Idempotency-Key": key})
                    if answer.status_code in FINAL:
                        return answer
                    wait = min(float(answer.headers.get("Retry-After", wait)), 2.0)
                except httpx.HTTPError:
                    pass
                self.retries += 1
                await asyncio.sleep(wait)
