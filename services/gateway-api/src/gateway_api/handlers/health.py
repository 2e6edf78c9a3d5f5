"""Whether the whole system serves: every service is asked over the bus."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from contracts import naming
from contracts.message import Metadata, Query
from contracts.rejections import Unavailable

from gateway_api.handlers.requests import Messenger


class GetHealth(Query):
    """Asks one replica of a service for its readiness; the subject names the service."""

    context: ClassVar[str] = "health"
    noun: ClassVar[str] = "health"


class Health:
    """Gathers the readiness of this gateway and of the services behind it."""

    def __init__(
        self, messenger: Messenger, services: Sequence[str], venue: str, itself: Callable[[], str | None], *, timeout: float = 2
    ) -> None:
        self._messenger = messenger
        self._services = services
        self._venue = venue
        self._itself = itself
        self._timeout = timeout

    async def report(self) -> tuple[bool, dict[str, Any]]:
        """Whether all are ready, and `{"status", "venue", "services": {name: {"status", "reason"?, "version"?, ...}}}`."""
        answers = await asyncio.gather(*(self._ask(service) for service in self._services))
        services = {"gateway-api": _state(self._itself()), **dict(zip(self._services, answers, strict=True))}
        ready = all(service["status"] == "ready" for service in services.values())
        return ready, {"status": "ready" if ready else "not_ready", "venue": self._venue, "services": services}

    async def _ask(self, service: str) -> dict[str, Any]:
        try:
            answer = await self._messenger.request(naming.health_subject(service), GetHealth(), Metadata(), self._timeout)
        except Unavailable as silence:
            return _state(silence.detail)
        told = json.loads(answer.body)
        return {**_state(self._trouble(told)), "version": told.get("version"), "replica": told.get("replica")}

    def _trouble(self, told: dict[str, Any]) -> str | None:
        """Why the service is not ready; a service of the other venue never is, so that sandbox and live do not mix."""
        if told.get("venue", self._venue) != self._venue:
            return f"runs in the venue {told['venue']}"
        if told["status"] == "ready":
            return None
        return "; ".join(f"{name}: {reason}" for name, reason in told["checks"].items() if reason is not None)


def _state(reason: str | None) -> dict[str, Any]:
    return {"status": "ready"} if reason is None else {"status": "not_ready", "reason": reason}
