"""The other replicas of this service, asked over the bus."""

from __future__ import annotations

import json

from contracts.message import Metadata
from contracts.vault import RevealConfigPassword
from pydantic import SecretStr
from service_kit.bus import Bus
from service_kit.sealing import SealBroken, Sealer

CONFIG_PASSWORD = "config password"  # noqa: S105 - a purpose
"""The purpose the config password is sealed for between replicas."""


class Replicas:
    """Asks all replicas and takes the first that knows."""

    def __init__(self, bus: Bus, sealer: Sealer) -> None:
        self._bus = bus
        self._sealer = sealer

    async def config_password(self) -> SecretStr | None:
        """The password that opens the vault now; None when no replica tells it in time."""
        answer = await self._bus.query_any(RevealConfigPassword(), Metadata(actor="accounts"))
        if answer is None:
            return None
        try:
            return SecretStr(self._sealer.open(json.loads(answer)["sealed"], purpose=CONFIG_PASSWORD)["password"])
        except SealBroken:
            return None
