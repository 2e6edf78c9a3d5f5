"""The config password is rotated, and the installation starts again wherever that was killed."""

from __future__ import annotations

import itertools
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from dotenv import dotenv_values
from hummingbus.__main__ import app
from hummingbus.doctor import leftovers
from hummingbus.doctor.installation import Installation
from hummingbus.home import Home
from hummingbus.rotation import FOLLOWING, PRESENT, NothingChanged, Rotation
from hummingbus.secrets import CONFIG_PASSWORD_NEXT, ensure_secrets, load_secrets
from hummingbus.settings import StackSettings
from hummingbus.stack.layout import Layout, wanted_ports
from typer.testing import CliRunner

NEW = "brand-new-phrase ${HOME} 'quoted'"
OUTSIDE = "a-phrase-from-outside"


class Installed:
    """A home whose stack runs, as far as files tell, and the password its vault is under."""

    def __init__(self, path: Path, outside: str | None) -> None:
        self.settings = StackSettings(home=path / "home", config_password=outside)
        self.home = Home(self.settings.home)
        self.home.open()
        ensure_secrets(self.home, self.settings)
        self.vault = path / "vault"
        self.vault.write_text(self.rotation.present() or "")
        self.start()

    @property
    def rotation(self) -> Rotation:
        return Rotation(self.home, self.settings)

    def start(self) -> None:
        """What `hummingbus up` writes for accounts."""
        Layout(
            self.home, self.settings, ensure_secrets(self.home, self.settings), wanted_ports(self.settings)
        ).write_environment_files()

    def told_accounts(self) -> list[str | None]:
        values = dotenv_values(self.home.environment_file("accounts"))
        return [values[name] for name in (PRESENT, FOLLOWING) if name in values]

    def rewrap(self, old: str, new: str) -> int:
        if self.vault.read_text() not in {old, new}:
            raise NothingChanged("The present config password does not open the vault.")
        self.vault.write_text(new)
        return 1

    def killed_at(self, step: int, old: str) -> bool:
        """Whether the rotation was killed at this step, by a real SIGKILL of a process; False when it has fewer."""
        if (child := os.fork()) == 0:
            steps = itertools.count()
            written = Home.write_private

            def die_at(here: int) -> None:
                if here == step:
                    os.kill(os.getpid(), signal.SIGKILL)

            def counted[**P, T](work: Callable[P, T]) -> Callable[P, T]:
                def worked(*args: P.args, **kwargs: P.kwargs) -> T:
                    die_at(next(steps))
                    done = work(*args, **kwargs)
                    die_at(next(steps))
                    return done

                return worked

            Home.write_private = counted(written)  # type: ignore[method-assign]
            self.rotation.run(old, NEW, counted(self.rewrap))
            os._exit(0)
        return os.WIFSIGNALED(os.waitpid(child, 0)[1])


@pytest.fixture(params=[None, OUTSIDE], ids=["stored", "from outside"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Installed]:
    numbers = itertools.count()

    def made() -> Installed:
        path = tmp_path / str(next(numbers))
        path.mkdir()
        return Installed(path, request.param)

    return made


def test_killed_at_any_step_it_starts_again_and_the_rotation_can_be_finished(make: Callable[[], Installed]) -> None:
    for step in itertools.count():
        installed = make()
        old = installed.rotation.present() or ""
        killed = installed.killed_at(step, old)
        assert installed.vault.read_text() in installed.told_accounts(), step  # accounts alone starts again
        installed.start()
        assert installed.vault.read_text() in installed.told_accounts(), step  # and all of it
        new = installed.rotation.unfinished() or NEW
        assert installed.rotation.run(installed.rotation.present() or "", new, installed.rewrap) == 1
        assert installed.vault.read_text() == NEW
        assert installed.told_accounts() == [NEW]
        if not killed:
            break
    assert step == 10  # four files and the vault, before and after each


def test_a_stored_password_is_replaced(tmp_path: Path) -> None:
    installed = Installed(tmp_path, None)
    old = installed.rotation.present() or ""
    installed.rotation.run(old, NEW, installed.rewrap)
    values = load_secrets(installed.home).values
    assert (values["config_password"], values.get(CONFIG_PASSWORD_NEXT)) == (NEW, None)
    assert not installed.rotation.from_outside
    installed.start()
    assert installed.told_accounts() == [NEW]
    assert old not in values.values()


def test_a_password_from_outside_is_replaced_once_the_environment_follows(tmp_path: Path) -> None:
    installed = Installed(tmp_path, OUTSIDE)
    installed.rotation.run(OUTSIDE, NEW, installed.rewrap)
    assert installed.rotation.from_outside
    assert "config_password" not in load_secrets(installed.home).values
    installed.start()
    assert installed.told_accounts() == [OUTSIDE, NEW]
    assert [one.status for one in leftovers.rotation(Installation.read(installed.settings))] == ["warning"]
    installed.settings = StackSettings(home=installed.home.path, config_password=NEW)
    assert list(leftovers.rotation(Installation.read(installed.settings))) == []
    third = "a-third-long-phrase"
    assert installed.rotation.unfinished() is None
    installed.rotation.run(NEW, third, installed.rewrap)
    assert installed.told_accounts() == [third]
    installed.settings = StackSettings(home=installed.home.path, config_password=third)
    installed.start()
    assert installed.told_accounts() == [third]
    assert CONFIG_PASSWORD_NEXT not in load_secrets(installed.home).values


def test_a_refusal_takes_everything_back(make: Callable[[], Installed]) -> None:
    installed = make()
    before = load_secrets(installed.home).values, installed.told_accounts()
    with pytest.raises(NothingChanged, match="does not open"):
        installed.rotation.run("wrong", NEW, installed.rewrap)
    assert (load_secrets(installed.home).values, installed.told_accounts()) == before


@pytest.mark.parametrize("environment", [{}, {"CONFIG_PASSWORD": "x", "CONFIG_PASSWORD_NEW": "y"}])
def test_a_stack_that_is_down_is_not_rotated(
    environment: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, ["rotate-config-password"], env={"HUMMINGBUS_HOME": str(tmp_path / "home"), **environment})
    assert result.exit_code == 1
    assert "Start with: hummingbus up" in result.output
    assert not (tmp_path / "home").exists()
