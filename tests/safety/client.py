"""A client that never gives up: the same request, with one Idempotency-Key, until there is an answer."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import Any

import httpx

PATIENCE = 400.0
AGAIN = 0.3
"""Seconds until the same request is sent again, unless the answer says how long to wait."""
FINAL = frozenset({200, 201, 400, 404, 422})


@dataclass
class Client:
    """One account's client.

    `complaints` are answers that no client may get. `served_at` is when the last request was sent that was answered for good
    (monotonic); `finished` is set when it asks for nothing more.
    """

    account: str
    api_key: str
    complaints: list[str] = field(default_factory=list)
    requests: int = 0
    retries: int = 0
    slowed: int = 0
    failures: int = 0
    served_at: float = 0.0
    finished: bool = False

    async def insist(self, http: httpx.AsyncClient, path: str, key: str, body: Any) -> httpx.Response | None:
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
