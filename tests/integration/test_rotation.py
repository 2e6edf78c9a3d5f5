"""The config password is rotated on a running stack, while orders are placed and credentials are added."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from hummingbus.home import Home
from hummingbus.secrets import load_secrets

from tests.stack import COMMAND, PASSWORD, USERNAME, Stack, eventually, planned, running

NEW = "an-integration-phrase-after"
ORDER = {"account_name": "master_account", "connector_name": "binance", "trading_pair": "BTC-USDT", "trade_type": "BUY"}
MARKET = {**ORDER, "amount": "0.001", "order_type": "MARKET"}
ACCOUNTS = [f"account_{number}" for number in range(8)]

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def stored() -> Iterator[Stack]:
    """A stack whose config password was generated and is kept by the installation."""
    with running(CONFIG_PASSWORD="") as stack:
        yield stack


@pytest.fixture
def elsewhere() -> Iterator[Path]:
    """A directory for a backup and another home."""
    directory = Path(tempfile.mkdtemp(prefix="hummingbus-rotation-"))
    directory.chmod(0o755)
    yield directory
    shutil.rmtree(directory)


def api(stack: Stack) -> httpx.Client:
    return httpx.Client(base_url=stack.url, auth=(USERNAME, PASSWORD), timeout=60)


def credential(stack: Stack) -> dict[str, str]:
    made = stack.sandbox_account(USDT="1000000")
    return {"binance_api_key": made["api_key"], "binance_api_secret": made["api_secret"]}


def rotate(stack: Stack, new: str, code: int = 0, **more: str) -> str:
    """Run the command as an operator without a terminal; what it says."""
    done = subprocess.run(
        [COMMAND, "rotate-config-password"], env={**stack.environment, "CONFIG_PASSWORD_NEW": new, **more},
        capture_output=True, text=True, timeout=120, cwd=stack.home, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def in_background(work: Callable[[], None]) -> tuple[threading.Thread, list[BaseException]]:
    """A thread that works, and what made it fail."""
    failures: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - told by the test
            failures.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, failures


def trades(stack: Stack, stop: threading.Event, placed: list[str]) -> None:
    with api(stack) as client:
        while not stop.is_set():
            answer = client.post("/trading/orders", json=MARKET)
            assert answer.status_code in {201, 429}, answer.text  # 429: the engine's own limit
            placed += [answer.json()["order_id"]] if answer.status_code == 201 else []
            stop.wait(0.3)


def test_nothing_stops_while_the_password_changes(stored: Stack) -> None:
    keys = credential(stored)
    stop, half = threading.Event(), threading.Event()
    placed: list[str] = []
    with api(stored) as client:
        assert client.post("/accounts/add-credential/master_account/binance", json=keys).status_code == 201
        for account in ACCOUNTS:
            client.post(f"/accounts/add-account?account_name={account}").raise_for_status()
        eventually(lambda: client.post("/trading/orders", json=MARKET).status_code == 201, "the session takes orders")

        def add_credentials() -> None:
            for number, account in enumerate(ACCOUNTS):
                answer = client.post(f"/accounts/add-credential/{account}/binance", json=keys)
                assert answer.status_code == 201, answer.text
                if number == 2:
                    half.set()

        trading, unplaced = in_background(lambda: trades(stored, stop, placed))
        adding, unadded = in_background(add_credentials)
        half.wait(60)
        assert "is under the new config password" in rotate(stored, NEW)
        adding.join()
        before = len(placed)
        eventually(lambda: len(placed) > before or not trading.is_alive(), "orders go on")
        stop.set()
        trading.join()
    assert (unplaced, unadded) == ([], [])


def test_every_process_starts_again_with_the_new_password(stored: Stack) -> None:
    assert load_secrets(Home(stored.home))["config_password"] == NEW
    for name in ("accounts", "trading"):
        restarts = stored.processes()[name]["restarts"]
        stored.kill(name)
        eventually(lambda name=name, restarts=restarts: stored.processes()[name]["restarts"] > restarts, f"{name} died")  # type: ignore[misc]
    with api(stored) as client:

        def sessions_trade() -> bool:
            portfolio = client.post("/portfolio/state", json={"refresh": True})
            return portfolio.status_code == 200 and set(portfolio.json()) >= {"master_account", *ACCOUNTS}

        eventually(sessions_trade, "every session has its keys again")
    events = json.loads(stored.run("history", "accounts.vault-credentials", "--json"))["events"]
    assert [event["event"] for event in events] == ["ConfigPasswordRotated"]
    assert events[0]["actor"].startswith("operator ")
    assert stored.run("verify")


@pytest.mark.parametrize(
    ("new", "settings", "why"),
    [
        ("short", {}, "has 5 characters; at least 12"),
        (NEW, {}, "is the old one"),
        ("another-long-phrase", {"CONFIG_PASSWORD": "not-the-present-one"}, "does not open the vault"),
    ],
)
def test_what_is_refused_leaves_no_half_rotation(stored: Stack, new: str, settings: dict[str, Any], why: str) -> None:
    assert why in rotate(stored, new, code=1, **settings)
    assert "config_password_next" not in load_secrets(Home(stored.home)).values
    assert "NEXT" not in (stored.home / "run/accounts.env").read_text()


def test_a_backup_from_before_opens_with_the_password_of_then(stored: Stack, elsewhere: Path) -> None:
    passphrase, backup = elsewhere / "passphrase", elsewhere / "backup"
    passphrase.write_text("an integration passphrase\n")
    stored.run("backup", str(backup), "--passphrase-file", str(passphrase))
    assert "shown only once" in stored.run("rotate-config-password", "--generate")
    assert load_secrets(Home(stored.home))["config_password"] != NEW
    stored.down()
    home = elsewhere / "home"
    home.mkdir()
    with planned(home, **stored.settings) as copy:
        copy.run("restore", str(backup), "--passphrase-file", str(passphrase))
        copy.up()  # ready: accounts has opened its vault
        assert load_secrets(Home(copy.home))["config_password"] == NEW
