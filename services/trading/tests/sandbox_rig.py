"""The sandbox exchange as a process of its own, and waiting for what a session is told."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import aiohttp
from trading.adapters.session import EngineSession
from trading.handlers.exchange import Fill, OrderReport, OrderTicket, ReportStatus

ADMIN = "test-admin"


@dataclass
class Sandbox:
    """The exchange's process; its data outlives it. `replay`: as its setting of that name."""

    directory: Path
    port: int
    replay: str = ""
    process: subprocess.Popen[bytes] | None = None
    command: ClassVar[tuple[str, ...]] = ("-m", "sandbox_exchange")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        environment = {
            **{name: value for name, value in os.environ.items() if name != "HUMMINGBUS_ENV_FILE"},
            "SANDBOX_EXCHANGE_PORT": str(self.port),
            "SANDBOX_EXCHANGE_DATA_DIR": str(self.directory),
            "SANDBOX_EXCHANGE_ADMIN_TOKEN": ADMIN,
            "SANDBOX_EXCHANGE_SEED": "7",
            "SANDBOX_EXCHANGE_REPLAY_CSV": self.replay,
        }
        self.process = subprocess.Popen([sys.executable, *self.command], env=environment)  # noqa: ASYNC220
        async with asyncio.timeout(60):
            while not await self.answers():  # noqa: ASYNC110 - another process
                await asyncio.sleep(0.05)

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    async def answers(self) -> bool:
        try:
            async with aiohttp.ClientSession() as client, client.get(f"{self.url}/health") as answer:
                return answer.status == 200
        except aiohttp.ClientError:
            return False

    async def admin(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        async with (
            aiohttp.ClientSession(headers={"X-Admin-Token": ADMIN}) as client,
            client.request(method, f"{self.url}/admin{path}", json=body) as answer,
        ):
            assert answer.status < 300, await answer.text()
            found: dict[str, Any] = await answer.json()
            return found


async def told[T](session: EngineSession, kind: type[T], seconds: float = 60) -> T:
    async with asyncio.timeout(seconds):
        while True:
            update = await session.updates.get()
            if isinstance(update, kind):
                return update


async def until_done(session: EngineSession, order: OrderTicket) -> list[Fill]:
    fills = []
    async with asyncio.timeout(60):
        while True:
            update = await session.updates.get()
            if isinstance(update, Fill) and update.order_id == order.order_id:
                fills.append(update)
            if isinstance(update, OrderReport) and update.status is ReportStatus.FILLED:
                return fills
