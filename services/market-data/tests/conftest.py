"""Makes `exchange_of_candles` importable by the tests of this package; the sandbox exchange and the engine pointed at it."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import aiohttp
import pytest
from engine_kit.engine import Engine
from engine_kit.venue import Venue
from market_data.adapters.candles import EngineCandles
from market_data.adapters.loading import Loading
from sandbox_admin_token import ADMIN


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    environment = {
        **{name: value for name, value in os.environ.items() if name != "HUMMINGBUS_ENV_FILE"},
        "SANDBOX_EXCHANGE_PORT": str(port),
        "SANDBOX_EXCHANGE_DATA_DIR": str(tmp_path_factory.mktemp("sandbox")),
        "SANDBOX_EXCHANGE_ADMIN_TOKEN": ADMIN,
        "SANDBOX_EXCHANGE_SEED": "7",
    }
    process = subprocess.Popen([sys.executable, "-m", "sandbox_exchange"], env=environment)
    yield f"http://127.0.0.1:{port}"
    process.kill()
    process.wait()


@pytest.fixture
async def loading(url: str) -> AsyncIterator[Loading]:
    async with asyncio.timeout(90), aiohttp.ClientSession() as client:
        while True:
            try:
                async with client.get(f"{url}/health") as answer:
                    if answer.status == 200:
                        break
            except aiohttp.ClientError:
                await asyncio.sleep(0.1)
    made = Loading(Engine(Venue(url)))
    yield made
    await made.stop()


@pytest.fixture
async def source(loading: Loading) -> EngineCandles:
    return EngineCandles(loading)
