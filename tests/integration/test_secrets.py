"""Secrets stay where they belong: each is looked for in everything a stack writes, answers, and shows to the machine."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from contracts.accounts import AccountEvent
from hummingbus.embedded.nats_permissions import CONTEXTS, LOGINS
from hummingbus.secrets import INFRASTRUCTURE

from tests.canary import stored
from tests.canary.needles import Needles
from tests.canary.processes import ProcessWatch
from tests.canary.trace_receiver import TraceReceiver
from tests.stack import COMMAND, USERNAME, Stack, eventually, running

PASSWORD = 'canary user/phrase+"9b1c"'
OLD, NEW = 'canary old/phrase+"5f1c"', 'canary new/phrase+"77a0" $x'
REFUSED = "canary refused/secret+e3c9"

READ = ("/health", "/accounts/", "/accounts/master_account/credentials", "/connectors/binance/config-map", "/openapi.json")

BELONGS = {
    "exchange key": ("sandbox/",),  # the exchange itself must know its accounts
    "exchange secret": ("sandbox/",),
    "new config password": ("run/accounts.env",),
    "transport_key": ("run/accounts.env", "run/trading.env"),
    "gateway_answer_key": ("run/gateway-api.env",),
    "sandbox_admin_token": ("run/sandbox-exchange.env",),
    **{f"postgres_{context}": (f"run/{context}.env",) for context in CONTEXTS},
    **{f"nats_{login}": (f"run/{login}.env",) for login in LOGINS},
}
"""The files below the home that hold a secret in clear, each readable by its owner only; a secret not named here is in none."""

ROTATION = b"RotateConfigPassword"
pytestmark = pytest.mark.timeout(900)


@dataclass
class Searched:
    """A stack that has done all it can with secrets, and what was seen of it."""

    stack: Stack
    needles: Needles
    answers: list[str] = field(default_factory=list)
    printed: list[str] = field(default_factory=list)
    metrics: str = ""
    backup: bytes = b""
    traces: list[bytes] = field(default_factory=list)
    watch: ProcessWatch | None = None


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[Path]:
    directory = Path(tempfile.mkdtemp(prefix="hummingbus-canary-"))
    yield directory
    shutil.rmtree(directory)


@pytest.fixture(scope="module")
def searched(elsewhere: Path) -> Iterator[Searched]:
    receiver = TraceReceiver()
    settings = {"PASSWORD": PASSWORD, "CONFIG_PASSWORD": OLD, "LOG_LEVEL": "DEBUG", "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url}
    with running(**settings) as stack:
        watch = ProcessWatch(stack.processes()["supervisor"]["pid"])
        account = stack.sandbox_account(USDT="100000")
        installed = stored.installation(stack).secrets
        assert installed is not None
        secrets = {name: installed[name] for name in INFRASTRUCTURE} | {
            "exchange key": account["api_key"],
            "exchange secret": account["api_secret"],
            "refused secret": REFUSED,
            "admin password": PASSWORD,
            "old config password": OLD,
            "new config password": NEW,
        }
        seen = Searched(stack, Needles(secrets), watch=watch, traces=receiver.bodies)
        use(seen, {"binance_api_key": account["api_key"], "binance_api_secret": account["api_secret"]})
        operate(seen, elsewhere)
        watch.stop()
        yield seen
    receiver.close()


def use(seen: Searched, good: dict[str, str]) -> None:
    """Refuse, add, replace, use, rotate, delete; and make every kind of error with secrets in the request."""
    key = good["binance_api_key"]
    path = "/accounts/add-credential/master_account/binance"
    with httpx.Client(base_url=seen.stack.url, auth=(USERNAME, PASSWORD), timeout=60) as api:

        def post(path: str, family: int, **request: object) -> None:
            answer = api.post(path, **request)  # type: ignore[arg-type]
            seen.answers.append(f"{answer.status_code} {answer.headers}\n{answer.text}")
            assert answer.status_code // 100 == family, answer.text

        post(path, 4, json={"binance_api_key": key, "binance_api_secret": REFUSED})
        post(path, 4, json={"binance_api_key": f"{REFUSED}-key", "binance_api_secret": REFUSED})
        post(path, 4, json={**good, "unknown": REFUSED})
        post(path, 4, json={"binance_api_key": key, "binance_api_secret": {"nested": REFUSED}})
        post(path, 4, content=json.dumps(good)[:-1], headers={"Content-Type": "application/json"})
        post(path.replace("master_account", "nobody"), 4, json=good)
        post(path.replace("binance", "mtgox"), 4, json=good)
        post(path, 4, json=good, auth=(USERNAME, f"{PASSWORD}-wrong"))
        repeated = {"headers": {"Idempotency-Key": "canary-1"}}
        post(path, 2, json=good, **repeated)
        post(path, 2, json=good, **repeated)
        post(path, 4, json={**good, "binance_api_secret": REFUSED}, **repeated)
        trade(seen, api)
        rotate(seen)
        post(path, 2, json=good)
        trade(seen, api)
        for read in READ:
            answer = api.get(read)
            seen.answers.append(f"{answer.headers}\n{answer.text}")
        # Killed, it takes along what it has not exported yet.
        eventually(lambda: ROTATION in b"".join(seen.traces), "the rotation is traced")
        seen.stack.kill("accounts")
        eventually(lambda: api.post("/portfolio/state", json={"refresh": True}).status_code == 200, "accounts is back")
        gone = "/accounts/delete-credential/master_account/binance?force=true"
        eventually(lambda: api.post(gone).status_code == 200, "the credential is deleted")


def rotate(seen: Searched) -> None:
    rotated = subprocess.run(
        [COMMAND, "rotate-config-password"], env={**seen.stack.environment, "CONFIG_PASSWORD_NEW": NEW},
        capture_output=True, text=True, timeout=120, cwd=seen.stack.home, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert rotated.returncode == 0, rotated.stderr
    seen.printed.append(rotated.stdout + rotated.stderr)


def trade(seen: Searched, api: httpx.Client) -> None:
    order = {"account_name": "master_account", "connector_name": "binance", "trading_pair": "BTC-USDT", "trade_type": "BUY"}

    def placed() -> bool:
        answer = api.post("/trading/orders", json={**order, "amount": "0.001", "order_type": "MARKET"})
        seen.answers.append(f"{answer.headers}\n{answer.text}")
        return answer.status_code == 201

    eventually(placed, "the session takes an order")
    seen.answers.append(api.post("/trading/orders/search", json={}).text)
    seen.answers.append(api.post("/portfolio/state", json={"refresh": True}).text)


def operate(seen: Searched, elsewhere: Path) -> None:
    """What operators print and make."""
    stack = seen.stack
    ports = json.loads(stack.run("status", "--json"))["ports"]
    for service in ("accounts", "trading", "market-data", "gateway-api"):
        seen.metrics += httpx.get(f"http://127.0.0.1:{ports[f'{service}-health']}/metrics", timeout=30).text
    streams = ("accounts.account-master_account", "accounts.vault-credentials", "trading.session-master_account.binance")
    told = [("history", stream, "--json", "--at", "2999-01-01T00:00:00Z") for stream in streams]
    for arguments in (
        *told,
        ("doctor", "--json"),
        ("dlq", "list"),
        ("verify", "--json"),
        ("logs",),
        ("replay", "accounts", "--json"),
    ):
        seen.printed.append(stack.run(*arguments, codes=(0, 1)))
    passphrase, file = elsewhere / "passphrase", elsewhere / "backup"
    passphrase.write_text("a canary's passphrase\n")
    stack.run("backup", str(file), "--passphrase-file", str(passphrase))
    seen.backup = file.read_bytes()


def test_no_answer_of_the_api_tells_a_secret(searched: Searched) -> None:
    assert len(searched.answers) > 15
    assert searched.needles.told(searched.answers) == frozenset()


def test_no_command_prints_a_secret(searched: Searched) -> None:
    assert "ConfigPasswordRotated" in "".join(searched.printed)
    assert searched.needles.told(searched.printed) == frozenset()


def test_no_metric_holds_a_secret(searched: Searched) -> None:
    assert "hummingbus_messages_handled_total" in searched.metrics
    assert searched.needles.told([searched.metrics]) == frozenset()


def test_no_trace_holds_a_secret(searched: Searched) -> None:
    traced = b"".join(searched.traces)
    for name in (b"AddCredential", ROTATION, b"RevealCredential", b"PlaceOrder"):
        assert name in traced
    assert searched.needles.found_in(traced) == frozenset()


def test_no_command_line_and_no_environment_holds_a_secret(searched: Searched) -> None:
    assert searched.watch is not None
    assert any(b"rotate-config-password" in line for line in searched.watch.command_lines)
    assert searched.needles.found_in(b"\n".join(searched.watch.command_lines)) == frozenset()
    shown = {pid: searched.needles.found_in(content) for pid, content in searched.watch.environments.items()}
    assert len(shown) >= len(searched.stack.processes())
    assert {pid: names for pid, names in shown.items() if names} == {}


def test_no_table_holds_a_secret(searched: Searched) -> None:
    tables = stored.tables(searched.stack)
    assert AccountEvent.__args__[0].__name__.encode() in tables["accounts.stored_events"]
    assert {name: found for name, rows in tables.items() if (found := searched.needles.found_in(rows))} == {}


def test_no_stream_and_no_bucket_holds_a_secret(searched: Searched) -> None:
    streams = stored.streams(searched.stack)
    assert {"EVT_ACCOUNTS", "EVT_TRADING", "KV_ANSWERS", "KV_LEASES"} <= set(streams)
    assert b"ConfigPasswordRotated" in streams["EVT_ACCOUNTS"]
    assert {name: found for name, held in streams.items() if (found := searched.needles.found_in(held))} == {}


def test_a_backup_holds_no_secret_in_clear(searched: Searched) -> None:
    assert len(searched.backup) > 10_000
    assert searched.needles.found_in(searched.backup) == frozenset()


def test_files_hold_a_secret_only_where_it_belongs(searched: Searched) -> None:
    found = searched.needles.found_below(searched.stack.home)
    misplaced = [
        (file, name) for file, names in found.items() for name in names if not file.startswith(BELONGS.get(name, ("-",)))
    ]
    assert misplaced == []
    assert {"transport_key", "new config password"} <= found["run/accounts.env"]  # it looks where something is


def test_the_database_s_files_hold_no_secret(searched: Searched) -> None:
    data = stored.installation(searched.stack).postgres_data
    assert data.exists()
    assert searched.needles.found_below(data) == {}


def test_where_a_secret_must_be_only_its_owner_reads_it(searched: Searched) -> None:
    open_to_others = [
        str(path.relative_to(searched.stack.home))
        for folder in ("run", "secrets", "sandbox")
        for path in (searched.stack.home / folder).rglob("*")
        if path.is_file() and path.stat().st_mode & 0o077 and path.name not in {"ports.json", "status.json"}
    ]
    assert open_to_others == []
