"""An operator goes back and forth between versions: `hummingbus migrate`."""

from __future__ import annotations

import asyncio
import json

import asyncpg
import pytest
from dotenv import dotenv_values

from tests.stack import Stack, eventually, running

pytestmark = pytest.mark.timeout(600)


def revisions(stack: Stack, *arguments: str) -> dict[str, str]:
    told = json.loads(stack.run("migrate", *arguments, "--json"))
    return {f"{service} {each['history']}": each["at"] for service, standings in told.items() for each in standings}


async def set_revision(url: str, revision: str) -> None:
    connection = await asyncpg.connect(url, server_settings={"search_path": "trading"})
    await connection.execute("UPDATE schema_version SET version_num = $1", revision)
    await connection.close()


def refusal(stack: Stack) -> str:
    """Why trading does not start, once it is because of its tables."""
    reason = str(stack.processes()["trading"]["reason"])
    return reason if "at revision trading_0099" in reason else ""


def test_an_operator_goes_down_and_up_and_is_told_about_a_newer_schema() -> None:
    with running() as stack:
        newest = revisions(stack, "status")
        assert newest["trading trading"] >= "trading_0001"
        assert newest["accounts log"] == newest["trading log"] >= "log_0002"
        stack.run("migrate", "down", "trading", "log_0001", codes=(1,))  # while it runs
        url = str(dotenv_values(stack.home / "run/trading.env")["TRADING_DATABASE_URL"])
        asyncio.run(set_revision(url, "trading_0099"))
        stack.down()
        stack.run("up", "--timeout", "10", codes=(1,))
        reason = eventually(lambda: refusal(stack), "trading says why it does not start")
        assert "migrate down" in reason
        url = str(dotenv_values(stack.home / "run/trading.env")["TRADING_DATABASE_URL"])
        asyncio.run(set_revision(url, newest["trading trading"]))
        stack.wait_ready()  # it tried on by itself
        stack.down()
        assert revisions(stack, "down", "trading", "log_0001")["trading log"] == "log_0001"
        assert not list((stack.home / "run").glob("*.env"))
        stack.run("migrate", "down", "trading", "trading_0000", codes=(1,))
        assert revisions(stack, "up") == newest
        assert "all intact" in (stack.up(), stack.run("verify"))[1]
