"""The service's log in a real Postgres, and a trading service that answers from memory."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from accounts.adapters.vault import Vault
from accounts.handlers.commands import Commands
from eventlog.log import EventLog
from pydantic import SecretStr

sys.path.insert(0, str(Path(__file__).parent))

from accounts_rig import CHEAP, TradingInMemory, make_log


@pytest.fixture
async def log(database_url: str) -> AsyncIterator[EventLog]:
    log = make_log(database_url)
    await log.start()
    yield log
    await log.stop()


@pytest.fixture
def trading() -> TradingInMemory:
    return TradingInMemory()


@pytest.fixture
async def safe(log: EventLog) -> Vault:
    safe = Vault(SecretStr("config password"), CHEAP)
    await safe.unlock(log)
    return safe


@pytest.fixture
def commands(log: EventLog, safe: Vault, trading: TradingInMemory) -> Commands:
    return Commands(log, safe, trading)
