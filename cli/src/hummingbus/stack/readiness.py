"""Whether a service says it is ready."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable

from hummingbus.embedded.ports import LOOPBACK


def http_check(port: int, path: str) -> Callable[[], str | None]:
    """A check that asks over HTTP on loopback: 200 is ready; for anything else it tells what the answer says."""

    def check() -> str | None:
        connection = http.client.HTTPConnection(LOOPBACK, port, timeout=3)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            body = answer.read(65_536)
        except (OSError, http.client.HTTPException) as error:
            return f"no answer on port {port}: {error}"
        finally:
            connection.close()
        return None if answer.status == http.HTTPStatus.OK else _reasons(answer.status, body)

    return check


def _reasons(status: int, body: bytes) -> str:
    """The failed checks of a health answer, as `name: reason; ...`."""
    try:
        document = json.loads(body)
    except ValueError:
        return f"answers {status}"
    checks = document.get("checks", document) if isinstance(document, dict) else document
    if not isinstance(checks, dict):
        return f"answers {status}: {json.dumps(checks)[:300]}"
    return (
        "; ".join(f"{name}: {reason}" for name, reason in checks.items() if reason not in (None, "ok", True))
        or f"answers {status}"
    )
