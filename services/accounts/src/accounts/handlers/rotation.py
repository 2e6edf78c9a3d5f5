"""Another config password for the vault, while everything goes on."""

from __future__ import annotations

import asyncio
import logging

from contracts.message import Metadata
from contracts.rejections import Unavailable
from contracts.vault import (
    ConfigPasswordInvalid,
    ConfigPasswordWrong,
    RevealConfigPassword,
    RotateConfigPassword,
    VaultRewrapped,
)
from eventlog.errors import GuardFailed
from eventlog.execute import execute
from eventlog.log import EventLog
from pydantic import SecretStr
from service_kit.sealing import SealBroken, Sealer

from accounts.adapters.replicas import CONFIG_PASSWORD
from accounts.adapters.vault import Rewrapping, Vault
from accounts.domain.vault import VAULT_STREAM, RecordRotation, checked_password, decider
from accounts.handlers.answers import json_bytes

logger = logging.getLogger(__name__)

ROTATE = "rotate"
"""The purpose that the two passwords are sealed for by the operator."""
ATTEMPTS = 100
"""How often the keys are wrapped anew because a credential came or went meanwhile."""
FOLLOW_SECONDS = 5.0


class Rotation:
    """The handlers of what concerns the config password."""

    def __init__(self, log: EventLog, vault: Vault, sealer: Sealer) -> None:
        self._log = log
        self._vault = vault
        self._sealer = sealer

    async def rotate(self, command: RotateConfigPassword, metadata: Metadata) -> VaultRewrapped:
        """Wrap all keys anew and record it, in one transaction. The same passwords again change nothing."""
        old, new = self._opened(command)
        await self._vault.refresh(self._log)
        if self._vault.locked is not None:
            raise ConfigPasswordWrong(f"The vault is locked: {self._vault.locked}.", field="old")
        present = (await self._vault.password(self._log)).get_secret_value()
        if present == new and old != new:
            return VaultRewrapped(credentials=await self._vault.count(self._log))
        if present != old:
            raise ConfigPasswordWrong("The present config password does not open the vault; nothing was changed.", field="old")
        checked_password(old, new)
        key = await self._vault.new_key(SecretStr(new))
        for _ in range(ATTEMPTS):
            try:
                rewrapping = await self._vault.rewrapping(self._log, key)
                await self._store(rewrapping, metadata)
            except GuardFailed:
                await self._vault.refresh(self._log)
            else:
                logger.info("the vault is under a new config password", extra={"credentials": rewrapping.credentials})
                return VaultRewrapped(credentials=rewrapping.credentials)
        raise Unavailable("Credentials are changed all the time; nothing was changed, try again")

    async def reveal_config_password(self, _query: RevealConfigPassword, _metadata: Metadata) -> bytes:
        """The password that opens the vault now, sealed for another replica."""
        password = await self._vault.password(self._log)
        return json_bytes({"sealed": self._sealer.seal({"password": password.get_secret_value()}, purpose=CONFIG_PASSWORD)})

    async def follow(self) -> None:
        """Go on with another key soon after another replica has changed it."""
        while True:
            await asyncio.sleep(FOLLOW_SECONDS)
            try:
                await self._vault.refresh(self._log)
            except Unavailable as error:
                logger.debug("the vault's key is not looked at now: %s", error)

    def _opened(self, command: RotateConfigPassword) -> tuple[str, str]:
        try:
            passwords = self._sealer.open(command.sealed, purpose=ROTATE)
            return passwords["old"], passwords["new"]
        except (SealBroken, KeyError) as error:
            raise ConfigPasswordInvalid("The passwords are not sealed for this installation.", field="sealed") from error

    async def _store(self, rewrapping: Rewrapping, metadata: Metadata) -> None:
        # Told before the commit: when its outcome stays unknown, `refresh` finds out which of the two it is.
        self._vault.offer(rewrapping.key.password)
        record = RecordRotation(credentials=rewrapping.credentials)
        done = await execute(self._log, decider, VAULT_STREAM, record, metadata, writes=lambda *_: rewrapping.writes)
        if not done.repeated:
            self._vault.adopt(rewrapping.key)
