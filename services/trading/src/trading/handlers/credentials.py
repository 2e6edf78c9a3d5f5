"""The keys of a session, asked from accounts and opened with the shared transport key."""

from __future__ import annotations

import json

from contracts.accounts import RevealCredential
from contracts.message import Metadata
from contracts.rejections import Unavailable
from service_kit.bus import Bus, InternalError
from service_kit.sealing import SealBroken, Sealer

REVEAL = "reveal"
PROVE = "prove"


class Vault:
    """Asks accounts for credentials. They are held in memory only."""

    def __init__(self, bus: Bus, sealer: Sealer) -> None:
        self._bus = bus
        self._sealer = sealer

    async def reveal(self, account: str, connector: str) -> tuple[int, dict[str, str]]:
        """The credential's version and fields. Raises CredentialUnknown, Unavailable."""
        query = RevealCredential(account=account, connector=connector)
        try:
            answer = json.loads(await self._bus.query(query, Metadata(actor="trading")))
            return int(answer["credential_version"]), self._sealer.open(answer["sealed"], purpose=REVEAL)
        except InternalError as error:
            raise Unavailable(f"accounts cannot reveal the credential: {error}") from error
        except SealBroken as error:
            raise Unavailable("the credential cannot be opened: accounts and trading have different transport keys") from error
