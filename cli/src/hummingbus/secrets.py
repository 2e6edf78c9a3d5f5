"""The secrets of one installation: generated at the first start, sealed with the machine's key.

What people type (the admin password) is kept as an argon2 hash only. The rest has to be readable at every start; it
is encrypted with `secrets/machine.key`, a file only we may read. Whoever can read that file can read these secrets.
"""

from __future__ import annotations

import base64
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path

import bcrypt
from argon2 import PasswordHasher
from service_kit.sealing import SealBroken, Sealer

from hummingbus.embedded.nats_permissions import CONTEXTS, LOGINS
from hummingbus.home import Home
from hummingbus.settings import StackSettings

PURPOSE = "hummingbus installation"
INFRASTRUCTURE = (
    "transport_key",
    "gateway_answer_key",
    "sandbox_admin_token",
    "postgres_superuser",
    *(f"postgres_{context}" for context in CONTEXTS),
    *(f"nats_{login}" for login in LOGINS),
)
"""Secrets between our own processes. People never need them."""

CONFIG_PASSWORD_FROM_OUTSIDE = "config_password_from_environment"  # noqa: S105 - a name
CONFIG_PASSWORD_NEXT = "config_password_next"  # noqa: S105 - a name
"""The password of a rotation that is not settled: the vault is under this one or under the present one."""
SANDBOX_ACCOUNT_MADE = "sandbox_account_made"


class SecretsUnusable(Exception):
    """The stored secrets cannot be read, or do not fit the settings; the text says what to do."""


@dataclass(slots=True)
class InstallationSecrets:
    """All secrets of one installation. `shown_once` holds those just made that a person has to write down."""

    values: dict[str, str] = field(repr=False)
    shown_once: dict[str, str] = field(default_factory=dict, repr=False)

    def __getitem__(self, name: str) -> str:
        return self.values[name]

    def nats_hashes(self) -> dict[str, str]:
        """The bcrypt hash of each bus login. The cheapest cost: the passwords are 256 random bits."""
        hashed = {login: bcrypt.hashpw(self.values[f"nats_{login}"].encode(), bcrypt.gensalt(4, b"2a")) for login in LOGINS}
        return {login: hash_.decode() for login, hash_ in hashed.items()}

    def password_hash(self, settings: StackSettings) -> str:
        """The argon2 hash of the admin password: of the one in the settings, else the stored one."""
        return self.values["admin_password_hash"] if settings.password is None else PasswordHasher().hash(settings.password)

    def config_password(self, settings: StackSettings) -> str:
        """The password the credentials vault is opened with."""
        return settings.config_password or self.values["config_password"]

    def config_password_next(self, settings: StackSettings) -> str | None:
        """The password that opens the vault where `config_password` does not: a rotation was not finished."""
        following = self.values.get(CONFIG_PASSWORD_NEXT)
        return None if following == self.config_password(settings) else following


def load_secrets(home: Home) -> InstallationSecrets:
    """The stored secrets; empty before the first start. Raises SecretsUnusable."""
    stored = _store(home)
    if not stored.exists():
        return InstallationSecrets({})
    try:
        return InstallationSecrets(_sealer(home).open(stored.read_text(), purpose=PURPOSE))
    except SealBroken as error:
        msg = f"{stored} was not sealed with {_key_file(home)}: restore both files from the same backup"
        raise SecretsUnusable(msg) from error


def save_secrets(home: Home, kept: InstallationSecrets) -> None:
    """Seal and store the secrets, all or nothing."""
    home.write_private(_store(home), _sealer(home).seal(kept.values, purpose=PURPOSE))


def ensure_secrets(home: Home, settings: StackSettings) -> InstallationSecrets:
    """The stored secrets, with what is missing generated and stored. Raises SecretsUnusable."""
    kept = load_secrets(home)
    before = dict(kept.values)
    for name in INFRASTRUCTURE:
        kept.values.setdefault(name, _random_key() if name == "transport_key" else secrets.token_urlsafe(32))
    if settings.password is None and "admin_password_hash" not in kept.values:
        password = readable_password()
        kept.values["admin_password_hash"] = PasswordHasher().hash(password)
        kept.shown_once["PASSWORD"] = password
    _ensure_config_password(kept, settings)
    if kept.values != before:
        save_secrets(home, kept)
    return kept


def _ensure_config_password(kept: InstallationSecrets, settings: StackSettings) -> None:
    if settings.config_password is not None:
        kept.values[CONFIG_PASSWORD_FROM_OUTSIDE] = "yes"
        if kept.values.get(CONFIG_PASSWORD_NEXT) == settings.config_password:
            # The environment has followed a rotation.
            del kept.values[CONFIG_PASSWORD_NEXT]
        return
    if "config_password" in kept.values:
        return
    if CONFIG_PASSWORD_FROM_OUTSIDE in kept.values:
        msg = "CONFIG_PASSWORD was set when this installation was made, and the stored credentials need it: set it again"
        raise SecretsUnusable(msg)
    kept.values["config_password"] = kept.shown_once["CONFIG_PASSWORD"] = readable_password()


def _sealer(home: Home) -> Sealer:
    """With the machine's key, which is made at the first use."""
    file = _key_file(home)
    if not file.exists() and not _store(home).exists():
        home.write_private(file, _random_key())
    if not file.exists():
        msg = f"{file} is missing, and {_store(home)} cannot be read without it: restore it from a backup"
        raise SecretsUnusable(msg)
    return Sealer(base64.b64decode(file.read_text()))


def _key_file(home: Home) -> Path:
    return home.secrets / "machine.key"


def _store(home: Home) -> Path:
    return home.secrets / "installation.sealed"


def _random_key() -> str:
    return base64.b64encode(os.urandom(32)).decode()


def readable_password() -> str:
    """Five groups of four letters and digits that cannot be mistaken for each other: about 98 bits."""
    alphabet = "abcdefghjkmnpqrstuvwxyz23456789"
    return "-".join("".join(secrets.choice(alphabet) for _ in range(4)) for _ in range(5))
