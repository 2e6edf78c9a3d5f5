"""Every operation of /openapi.json against what it documents: generated requests, valid and not, all of schemathesis' checks.

The seed is fixed, so a failure repeats; what schemathesis prints names the request as a curl command. The stack is this test's
own: schemathesis reuses names it reads in answers, so it deletes accounts that other tests need.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.stack import PASSWORD, USERNAME, running

ROOT = Path(__file__).parents[2]
HOOKED = {**os.environ, "SCHEMATHESIS_HOOKS": "tests.conformance.fresh_keys", "PYTHONPATH": str(ROOT)}
EXAMPLES = 15
SEED = 3

CONFIG = """
# Credentials are always sent; generating others for the same header only blames the route for accepting the right ones.
[generation]
with-security-parameters = false

# 400 is a refusal by a rule that no schema can tell, as "account exists"; 422 is never for data that fits the schema.
[checks.positive_data_acceptance]
expected-statuses = ["2xx", 400, 401, 403, 404, 409, 429, 503]

# 414 comes from the server itself, for more names than a URL can hold.
[checks.negative_data_rejection]
expected-statuses = [400, 401, 404, 405, 406, 409, 413, 414, 415, 422, 429, 431, 503]

# 503 is documented: a connector that the venue does not serve. Everything else from 500 on is a bug.
[checks.not_a_server_error]
expected-statuses = ["2xx", "3xx", "4xx", 503]
"""


@pytest.mark.timeout(400)
def test_every_operation_does_what_it_documents(tmp_path: Path) -> None:
    config = tmp_path / "schemathesis.toml"
    config.write_text(CONFIG)
    with running() as stack:
        command = [str(Path(sys.executable).with_name("schemathesis")), "--config-file", str(config), "run"]
        command += [f"{stack.url}/openapi.json", "--auth", f"{USERNAME}:{PASSWORD}"]
        command += ["--phases", "examples,coverage,fuzzing", "--checks", "all", "--mode", "all", "--continue-on-failure"]
        command += ["--max-examples", str(EXAMPLES), "--seed", str(SEED), "--request-timeout", "90", "--no-color"]
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=HOOKED, timeout=360, check=False)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
