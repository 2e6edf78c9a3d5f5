"""Asks a service's own code about its log, in a process of its own: the command line imports no service."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from hummingbus.commands import fail
from hummingbus.embedded.nats_permissions import CONTEXTS
from hummingbus.embedded.process import minimal_environment
from hummingbus.home import Home


def checked_context(service: str) -> str:
    """`service` when it has an event log; otherwise says which have one and exits with code 1."""
    if service not in CONTEXTS:
        fail(f"{service} has no event log; those with one: {', '.join(CONTEXTS)}")
    return service


def ask_log(home: Home, service: str, *question: str) -> Any:
    """The answer of `service_kit.operate` to a question, e.g. `verify`. Says why and exits with code 1 when there is none."""
    settings = home.environment_file(checked_context(service))
    if not settings.exists():
        fail(f"{settings} does not exist: start this installation once with `hummingbus up`")
    asked = subprocess.run(
        [sys.executable, "-P", "-m", "service_kit.operate", service.replace("-", "_"), *question],
        # As the supervisor starts the service: what this shell holds does not change its settings.
        env=minimal_environment() | {"HUMMINGBUS_ENV_FILE": str(settings)},
        capture_output=True,
        text=True,
        check=False,
    )
    if asked.returncode != 0:
        fail(asked.stderr.strip())
    return json.loads(asked.stdout)
