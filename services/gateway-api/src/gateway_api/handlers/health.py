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
        """Whether all are ready, and `{"status", "venue", "services": {name: {"status", "reason"?, ...}}}`."""
        gateway = _state(self._itself())
        answers = await asyncio.gather(*(self._ask(service) for service in self._services))
        services = {"gateway-api": gateway, **dict(zip(self._services, answers, strict=True))}
        ready = all(service["status"] == "ready" for service in services.values())
        return ready, {"status": "ready" if ready else "not_ready", "venue": self._venue, "services": services}

    async def _ask(self, service: str) -> dict[str, Any]:
        try:
            answer = await self._messenger.request(naming.health_subject(service), GetHealth(), Metadata(), self._timeout)
        except Unavailable as silence:
            return _state(silence.detail)
        told = json.loads(answer.body) if answer.body else {}
        return {**told, "status": "ready" if answer.status == 200 else "not_ready"}


def _state(reason: str | None) -> dict[str, Any]:
    return {"status": "ready"} if reason is None else {"status": "not_ready", "reason": reason}
