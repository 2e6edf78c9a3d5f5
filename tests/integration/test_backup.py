"""A backup holds everything: restored into an empty home, the installation goes on as if it had never been elsewhere."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import pytest
from hummingbot_api_client import SyncHummingbotAPIClient
from hummingbus.embedded.ports import free_port
from hummingbus.embedded.postgres import PostgresCluster
from hummingbus.embedded.process import running, unprivileged_user
from hummingbus.home import Home
from hummingbus.secrets import load_secrets
from hummingbus.stack.provisioning import DATABASE

from tests.stack import CONFIG_PASSWORD, PASSWORD, USERNAME, Stack, eventually, planned

ACCOUNT, CONNECTOR, PAIR = "master_account", "binance", "BTC-USDT"
PASSPHRASE = "an integration passphrase"

pytestmark = pytest.mark.timeout(600)


@pytest.fixture
def elsewhere() -> Iterator[Path]:
    """A directory for backups and other homes."""
    directory = Path(tempfile.mkdtemp(prefix="hummingbus-backup-"))
    directory.chmod(0o755)
    (directory / "passphrase").write_text(f"{PASSPHRASE}\n")
    yield directory
    shutil.rmtree(directory)


@contextmanager
def empty_home(parent: Path, name: str) -> Iterator[Stack]:
    """A stack that was never started; stopped at the end if it was."""
    home = parent / name
    home.mkdir()
    with planned(home) as stack:
        yield stack


async def digests(home: Path, log: Path) -> dict[str, str]:
    """The digest of each table's rows, of a stopped installation."""
    installation, user = Home(home), unprivileged_user()
    password = load_secrets(installation)["postgres_superuser"]
    cluster = PostgresCluster(installation.postgres(user), free_port(), password, user)
    with running(cluster.program(), log):
        connection = await asyncpg.connect(cluster.url(DATABASE))
        tables = await connection.fetch(
            "SELECT schemaname || '.' || tablename AS name FROM pg_tables WHERE schemaname IN ('accounts', 'trading')"
        )
        sql = "SELECT coalesce(md5(string_agg(row::text, '|' ORDER BY row::text)), 'empty') FROM {} AS row"
        found = {row["name"]: str(await connection.fetchval(sql.format(row["name"]))) for row in tables}
        await connection.close()
    return found


def trade(client: Any, **order: Any) -> str:
    """Place an order as soon as the session takes orders; its id."""

    def attempt() -> Any:
        try:
            return client.trading.place_order(ACCOUNT, CONNECTOR, PAIR, **order)
        except aiohttp.ClientResponseError as error:
            assert error.status == 503, error  # noqa: PT017 - anything but "not yet" fails the test
            return None

    return str(eventually(attempt, "an order is accepted")["order_id"])


def order_status(client: Any, order_id: str) -> str:
    found = [one for one in client.trading.search_orders(limit=1000)["data"] if one["order_id"] == order_id]
    return str(found[0]["status"]) if found else "missing"


def filled(client: Any, order_id: str) -> None:
    eventually(lambda: order_status(client, order_id) == "FILLED", f"{order_id} fills")


def told(client: Any) -> dict[str, Any]:
    """Orders, fills and units held, as the API tells them."""
    state = client.portfolio.get_state()[ACCOUNT][CONNECTOR]
    return {
        "orders": sorted(client.trading.search_orders(limit=1000)["data"], key=lambda one: one["order_id"]),
        "trades": sorted(client.trading.get_trades(limit=1000)["data"], key=lambda one: one["trade_id"]),
        "units": {token["token"]: token["units"] for token in state},
    }


def fill(stack: Stack) -> dict[str, Any]:
    """Add a credential and trade; what the API then tells."""
    keys = stack.sandbox_account(USDT="100000", BTC="1")
    with SyncHummingbotAPIClient(stack.url, USERNAME, PASSWORD) as client:
        fields = {"binance_api_key": keys["api_key"], "binance_api_secret": keys["api_secret"]}
        client.accounts.add_credential(ACCOUNT, CONNECTOR, fields)
        for side in ("BUY", "SELL", "BUY"):
            placed = trade(client, trade_type=side, amount=0.01, order_type="MARKET")
            filled(client, placed)

        def settled() -> Any:
            tokens = client.portfolio.get_state(refresh=True)[ACCOUNT][CONNECTOR]
            return any(token["token"] == "BTC" and token["units"] > 1.0 for token in tokens)

        eventually(settled, "the balances arrive")
        return {**told(client), "keys": [*fields.values()]}


async def test_an_installation_goes_on_elsewhere(stack: Stack, elsewhere: Path) -> None:
    before = await asyncio.to_thread(fill, stack)
    keys = before.pop("keys")
    option = ("--passphrase-file", str(elsewhere / "passphrase"))
    stack.run("backup", str(elsewhere / "running"), *option)
    stack.down()
    stack.run("backup", str(elsewhere / "stopped"), *option)
    for name in ("running", "stopped"):
        data = (elsewhere / name).read_bytes()
        assert not [secret for secret in (PASSWORD, CONFIG_PASSWORD, PASSPHRASE, *keys) if secret.encode() in data]
        assert (elsewhere / name).stat().st_mode & 0o777 == 0o600
    with empty_home(elsewhere, "from-stopped") as restored:
        restored.run("restore", str(elsewhere / "stopped"), *option)
        assert await digests(restored.home, elsewhere / "log") == await digests(stack.home, elsewhere / "log")
        assert "--force" in refused(restored, "restore", str(elsewhere / "running"), *option)
    with empty_home(elsewhere, "from-running") as restored:
        restored.run("restore", str(elsewhere / "running"), *option)
        restored.up()
        await asyncio.to_thread(goes_on, restored, before)


def goes_on(restored: Stack, before: dict[str, Any]) -> None:
    """Everything is told as before, and the old credential trades."""
    with SyncHummingbotAPIClient(restored.url, USERNAME, PASSWORD) as client:
        eventually(lambda: CONNECTOR in client.portfolio.get_state().get(ACCOUNT, {}), "the portfolio is there")
        assert told(client) == before
        placed = trade(client, trade_type="BUY", amount=0.02, order_type="MARKET")
        filled(client, placed)
        assert len(client.trading.get_trades(limit=1000)["data"]) > len(before["trades"])


def refused(stack: Stack, *arguments: str) -> str:
    """What the command prints when it exits with 1."""
    with pytest.raises(AssertionError) as failure:
        stack.run(*arguments)
    return str(failure.value)
