"""Another config password for the vault, in steps of which each may be the last: the installation starts again after any.

Before the vault can change, both passwords are in the sealed store and in the settings of accounts, which tries both. Only when
the vault is known to be under the new one, the old one goes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from dotenv import dotenv_values

from hummingbus.home import Home
from hummingbus.secrets import CONFIG_PASSWORD_NEXT, InstallationSecrets, load_secrets, save_secrets
from hummingbus.settings import StackSettings
from hummingbus.stack.environment_file import rendered

PRESENT, FOLLOWING = "ACCOUNTS_CONFIG_PASSWORD", "ACCOUNTS_CONFIG_PASSWORD_NEXT"

type Rewrap = Callable[[str, str], int]
"""Have accounts put the vault from the old password under the new one (or find it there); how many credentials it holds."""


class NothingChanged(Exception):
    """The rotation was refused before anything happened; the text says why."""


@dataclass(frozen=True, slots=True)
class Rotation:
    """The steps, on one home. Hold `Home.rotation_lock` meanwhile."""

    home: Home
    settings: StackSettings

    @property
    def from_outside(self) -> bool:
        """Whether the present config password is the operator's own, and kept by nobody else."""
        return self.settings.config_password is not None or "config_password" not in load_secrets(self.home).values

    def present(self) -> str | None:
        """The present password, as far as this shell or the sealed store knows it. Raises SecretsUnusable."""
        return self.settings.config_password or load_secrets(self.home).values.get("config_password")

    def unfinished(self) -> str | None:
        """The new password of a rotation that was begun and not settled; None when the environment has followed it."""
        following = load_secrets(self.home).values.get(CONFIG_PASSWORD_NEXT)
        return None if following == self.settings.config_password else following

    def run(self, old: str, new: str, rewrap: Rewrap) -> int:
        """Rotate, or finish what was begun with the same passwords; how many credentials the vault holds.

        Raises NothingChanged from `rewrap` with the preparations taken back, and whatever else it raises with both passwords
        kept: then the outcome is not known, and `run` with the same passwords finds it out.
        """
        begun = self.unfinished()
        self._store(lambda values: values.__setitem__(CONFIG_PASSWORD_NEXT, new))
        self._tell_accounts(lambda values: _both(values, old, new))
        try:
            credentials = rewrap(old, new)
        except NothingChanged:
            if begun is None:
                self._tell_accounts(lambda values: values.pop(FOLLOWING, None))
                self._store(lambda values: values.pop(CONFIG_PASSWORD_NEXT, None))
            raise
        self._store(lambda values: self._settle(values, new))
        self._tell_accounts(lambda values: _one(values, new))
        return credentials

    def _settle(self, values: dict[str, str], new: str) -> None:
        """A stored password is replaced; one from outside stays beside the new one until the environment has followed."""
        if self.settings.config_password is None and "config_password" in values:
            values["config_password"] = new
            values.pop(CONFIG_PASSWORD_NEXT, None)

    def _store(self, change: Callable[[dict[str, str]], object]) -> None:
        kept: InstallationSecrets = load_secrets(self.home)
        change(kept.values)
        save_secrets(self.home, kept)

    def _tell_accounts(self, change: Callable[[dict[str, str]], object]) -> None:
        """What accounts reads when it starts again. Without a running stack there is no such file."""
        file = self.home.environment_file("accounts")
        if file.exists():
            values = {name: value or "" for name, value in dotenv_values(file).items()}
            change(values)
            self.home.write_private(file, rendered(values))


def _both(values: dict[str, str], old: str, new: str) -> None:
    """Both passwords. The present one stays as it is, for the `old` we were given may be wrong."""
    if values.get(FOLLOWING) == old:
        values[PRESENT] = old
    values[FOLLOWING] = new


def _one(values: dict[str, str], password: str) -> None:
    values[PRESENT] = password
    values.pop(FOLLOWING, None)
