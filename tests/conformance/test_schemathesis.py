"""Every operation of /openapi.json against what it documents: generated requests, valid and not, all of schemathesis' checks.

The seed is fixed, and names that answers mention are not used again, so a run repeats. `make fuzz` takes a new seed each time
and more examples; `SCHEMATHESIS_SEED=... make fuzz` repeats one. What schemathesis prints names the seed, and each request that
failed as a curl command. A summary goes to `.hummingbus-reports/schemathesis.json`. The stack is this test's own.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.stack import PASSWORD, USERNAME, Stack, eventually, running

ROOT = Path(__file__).parents[2]
REPORT = ROOT / ".hummingbus-reports" / "schemathesis.json"
HOOKED = {**os.environ, "SCHEMATHESIS_HOOKS": "tests.conformance.schema_hooks", "PYTHONPATH": str(ROOT)}
SEED = os.environ.get("SCHEMATHESIS_SEED", "3")
EXAMPLES = os.environ.get("SCHEMATHESIS_EXAMPLES", "25")
NEVER_SUCCEED = {
    "POST /accounts/add-credential/{account_name}/{connector_name}",
    "POST /trading/{account_name}/{connector_name}/orders/{client_order_id}/cancel",
    "GET /executors/{executor_id}",
    "POST /executors/{executor_id}/stop",
    "GET /executors/positions/{connector_name}/{trading_pair}",
    "DELETE /executors/positions/{connector_name}/{trading_pair}",
    "GET /trading/{account_name}/{connector_name}/position-mode",
    "POST /trading/{account_name}/{connector_name}/position-mode",
    "POST /trading/{account_name}/{connector_name}/leverage",
}
"""An exchange's keys, the ids of open orders and of executors, and where one kept a position cannot be guessed. The stack has
no session on a perpetual connector."""

CONFIG = """
[phases.fuzzing.extra-data-sources]
responses = false

# 400 is a refusal by a rule that no schema can tell, as "account exists"; 422 is never for data that fits the schema.
# 414: the parts of a query that fit the schema may together be longer than a URL can be.
[checks.positive_data_acceptance]
expected-statuses = ["2xx", 400, 401, 403, 404, 409, 414, 429, 503]

# 503 is documented: a connector that the venue does not serve. Everything else from 500 on is a bug.
[checks.not_a_server_error]
expected-statuses = ["2xx", "3xx", "4xx", 503]
"""


@pytest.mark.timeout(1200)
def test_every_operation_does_what_it_documents(tmp_path: Path) -> None:
    config, events = tmp_path / "schemathesis.toml", tmp_path / "events.ndjson"
    config.write_text(CONFIG)
    with running() as stack:
        let_orders_through(stack)
        command = [str(Path(sys.executable).with_name("schemathesis")), "--config-file", str(config), "run"]
        command += [f"{stack.url}/openapi.json", "--auth", f"{USERNAME}:{PASSWORD}"]
        command += ["--phases", "examples,coverage,fuzzing", "--checks", "all", "--mode", "all", "--continue-on-failure"]
        command += ["--max-examples", EXAMPLES, "--seed", SEED, "--generation-database", "none"]
        # Flattening an account waits for its executors to end.
        command += [
            "--max-response-time",
            "60",
            "--request-timeout",
            "90",
            "--no-color",
            "--report",
            "ndjson",
            "--report-ndjson-path",
            str(events),
        ]
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=HOOKED, timeout=1000, check=False)
        operations = set(documented(stack))
    summary = summarised(events)
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.write_text(json.dumps(summary, indent=2) + "\n")
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert set(summary["operations"]) == operations
    assert summary["checks"]["failure"] == 0
    assert {name for name, told in summary["operations"].items() if not told["answers"].get("2xx")} <= NEVER_SUCCEED


def let_orders_through(stack: Stack) -> None:
    """The account and connector that the document's examples name take orders."""
    keys = stack.sandbox_account(USDT="1000000", BTC="50")
    with httpx.Client(base_url=stack.url, auth=(USERNAME, PASSWORD), timeout=120) as api:
        values = {"binance_api_key": keys["api_key"], "binance_api_secret": keys["api_secret"]}
        assert api.post("/accounts/add-credential/master_account/binance", json=values).status_code == 201

        def taken() -> bool:
            return api.post("/trading/master_account/binance/orders/cancel-all").status_code == 200

        eventually(taken, "the session takes orders")


def documented(stack: Stack) -> Iterator[str]:
    paths = httpx.get(f"{stack.url}/openapi.json", timeout=30).json()["paths"]
    return (f"{method.upper()} {path}" for path, operations in paths.items() for method in operations)


def summarised(events: Path) -> dict[str, Any]:
    """How many requests each operation got, how they were answered, and how often each check held or failed."""
    operations: dict[str, dict[str, Counter[str]]] = {}
    for line in events.read_text().splitlines():
        finished = json.loads(line).get("ScenarioFinished")
        if finished is None:
            continue
        recorder = finished["recorder"]
        told = operations.setdefault(recorder["label"], {"answers": Counter(), "checks": Counter(), "failed": Counter()})
        for interaction in recorder.get("interactions", {}).values():
            told["answers"][answered(interaction)] += 1
        for check in (check for checks in recorder.get("checks", {}).values() for check in checks):
            told["checks" if check["status"] == "success" else "failed"][check["name"]] += 1
    everything = Counter[str]()
    for told in operations.values():
        everything.update(success=told["checks"].total(), failure=told["failed"].total(), requests=told["answers"].total())
    return {"seed": SEED, "examples": EXAMPLES, "checks": {"failure": 0, **everything}, "operations": operations}


def answered(interaction: dict[str, Any]) -> str:
    response = interaction.get("response")
    return f"{response['status_code'] // 100}xx" if response else "none"
