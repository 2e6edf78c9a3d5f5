"""Aggregate `vault`: that its config password was changed; and which new password is lawful."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from contracts.message import Command
from contracts.naming import stream_id
from contracts.vault import ConfigPasswordInvalid, ConfigPasswordRotated
from eventlog.decider import Decider

SHORTEST_PASSWORD = 12

VAULT_STREAM = stream_id("accounts", "vault", "credentials")


class RecordRotation(Command):
    """Record that the vault is under another key: what RotateConfigPassword becomes once the keys are wrapped anew.

    Internal: it never crosses the bus, and carries no secret. Never refused.
    """

    context: ClassVar[str] = "accounts"
    noun: ClassVar[str] = "vault"

    credentials: int


@dataclass(frozen=True, slots=True)
class VaultHistory:
    """How often the config password was changed, and how many credentials the last change wrapped anew."""

    rotations: int = 0
    credentials: int = 0


def checked_password(old: str, new: str) -> str:
    """`new` when it may take the place of `old`; raises ConfigPasswordInvalid, which never quotes either."""
    if len(new) < SHORTEST_PASSWORD:
        detail = f"The new config password has {len(new)} characters; at least {SHORTEST_PASSWORD} are needed."
        raise ConfigPasswordInvalid(detail, field="new")
    if not new.isprintable():
        raise ConfigPasswordInvalid("The new config password holds control characters.", field="new")
    if new == old:
        raise ConfigPasswordInvalid("The new config password is the old one.", field="new")
    return new


def decide(_state: VaultHistory, command: RecordRotation) -> Sequence[ConfigPasswordRotated]:
    """The event of a rotation."""
    return (ConfigPasswordRotated(credentials=command.credentials),)


def evolve(state: VaultHistory, event: ConfigPasswordRotated) -> VaultHistory:
    """The vault's history after one more rotation."""
    return VaultHistory(state.rotations + 1, event.credentials)


decider: Decider[VaultHistory, RecordRotation, ConfigPasswordRotated] = Decider(
    initial=VaultHistory(), decide=decide, evolve=evolve
)
"""The decider of stream `accounts.vault-credentials`."""
