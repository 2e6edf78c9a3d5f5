"""The vault that the exchange credentials lie in, and the config password that opens it.

Aggregate `vault` (stream `accounts.vault-credentials`), one an installation. No password is in an event; those in commands and
answers are sealed under the transport key (service_kit.sealing).
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from contracts.message import Command, Event, Query, Reply
from contracts.rejections import Kind, Rejection


class _Vault:
    context: ClassVar[str] = "accounts"
    noun: ClassVar[str] = "vault"


class RotateConfigPassword(_Vault, Command):
    """Wrap every credential's key with a key of another config password; the service serves on meanwhile.

    `sealed` holds `old` and `new` for the purpose `rotate`; only the operator may ask (NATS permissions). Accepted without an
    event when the vault is under `new` already. Refused: ConfigPasswordWrong (also where the vault is locked),
    ConfigPasswordInvalid. Unavailable: credentials changed all the time.
    """

    sealed: str


class VaultRewrapped(Reply):
    """The vault is under the new config password; with how many credentials."""

    credentials: int


class ConfigPasswordRotated(_Vault, Event):
    """From now on another config password opens the vault; so many credentials were wrapped anew."""

    credentials: int = Field(ge=0)


class RevealConfigPassword(_Vault, Query):
    """-> `{"sealed": str}`: the `password` that opens the vault now, from one replica of accounts to another.

    Every replica gets it, and one whose key is out of date refuses. Only accounts may ask (NATS permissions).
    """


class ConfigPasswordWrong(Rejection):
    """The config password given as the present one does not open the vault; nothing was changed."""

    kind = Kind.FORBIDDEN


class ConfigPasswordInvalid(Rejection):
    """The new config password is too short, holds characters no environment can, or is the old one."""

    kind = Kind.INVALID
