"""Checks of what is in the way: strangers on our ports, open secrets, what a crash left."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import psutil

from hummingbus.backup.contents import UNFINISHED
from hummingbus.doctor.finding import Finding, failure, ok, warning
from hummingbus.doctor.installation import Installation
from hummingbus.embedded.ports import port_free
from hummingbus.embedded.postgres import lock_file_lines, processes_in
from hummingbus.secrets import CONFIG_PASSWORD_NEXT
from hummingbus.stack.layout import wanted_ports

RESTORE = "hummingbus restore --force --passphrase-file <passphrase file> <backup>"
PRIVATE_FILE, PRIVATE_DIRECTORY = 0o600, 0o700


def ports(installation: Installation) -> Iterator[Finding]:
    """Each port of the stack is ours, or free for us to take."""
    mine = _our_pids(installation)
    wanted = wanted_ports(installation.settings)
    faults = 0
    for name, default in wanted.items():
        port = installation.ports.get(name, default)
        if port_free(port):
            continue
        listener = _listener(port)
        if mine and (listener is None or listener.pid in mine):
            continue
        faults += 1
        who = f"{listener.name()} (pid {listener.pid})" if listener else "a process we may not see"
        if mine:
            fix = "hummingbus down && hummingbus up"
            yield failure("ports", f"{port} ({name}) is taken by {who}, not by this stack", fix)
        else:
            fix = "HUMMINGBUS_PORT=<another port> hummingbus up" if name == "gateway-api" else f"stop it: kill {_pid(listener)}"
            yield warning("ports", f"{port} ({name}) is taken by {who}; `hummingbus up` will use the next free one", fix)
    if not faults:
        yield ok("ports", f"{len(wanted)} ports are {'ours' if mine else 'free'}")


def secret_files(installation: Installation) -> Iterator[Finding]:
    """Files with secrets belong to us and only we may read them, and the sealed ones can be opened."""
    home = installation.home
    if not home.secrets.exists():
        yield ok("secrets", "none yet; made by the first `hummingbus up`")
        return
    files = [*home.secrets.iterdir(), *home.run.glob("*.env"), home.nats / "nats.conf"]
    wanted = [(home.secrets, PRIVATE_DIRECTORY), *((file, PRIVATE_FILE) for file in files if file.is_file())]
    faults = [finding for path, mode in wanted if (finding := _too_open(path, mode))]
    if installation.secrets is None:
        found = f"{home.secrets / 'installation.sealed'} cannot be opened with {home.secrets / 'machine.key'}"
        faults.append(failure("secrets", found, RESTORE))
    yield from faults or [ok("secrets", f"{len(wanted) - 1} files, readable by us alone")]


def orphans(installation: Installation) -> Iterator[Finding]:
    """No process and no lock file of an earlier start is left."""
    known = _our_pids(installation)
    left = [one for program in (installation.report.programs if installation.report else []) if (one := program.process())]
    left += list(processes_in(installation.postgres_data))
    strays = sorted({f"{one.name()} (pid {one.pid})" for one in left if one.pid not in known})
    if strays:
        found = f"left of an earlier start: {', '.join(strays)}"
        fix = "hummingbus down && hummingbus up" if known else "hummingbus down"
        yield failure("orphans", found, fix)
        return
    pid = next(iter(lock_file_lines(installation.postgres_data)), None)
    if pid is not None and int(pid) not in known:
        found = f"{installation.postgres_data / 'postmaster.pid'} names process {pid}, which is not our Postgres"
        yield warning("orphans", found, "hummingbus up   (removes it)")
        return
    yield ok("orphans", "none")


def leftover_files(installation: Installation) -> Iterator[Finding]:
    """No half-written files and no settings with secrets lie about; the data that is recorded is there."""
    home, faults = installation.home, []
    if installation.supervisor is None:
        faults = [
            warning("leftover files", f"{file} holds secrets of a start that did not end in order", f"rm {file}")
            for file in sorted(home.run.glob("*.env"))
        ]
        partial = [file for folder in (home.run, home.secrets) if folder.exists() for file in folder.glob(".*.[0-9]*")]
        faults += [warning("leftover files", f"{file} was half written", f"rm {file}") for file in sorted(partial)]
        faults += [
            warning("leftover files", f"{folder} is left of a backup or restore that was killed", f"rm -r {folder}")
            for folder in sorted(home.run.glob(f"{UNFINISHED}*"))
        ]
    data = installation.postgres_data
    if (home.path / "postgres.location").exists() and home.status.exists() and not data.exists():
        found = f"the database {data} is gone; `hummingbus up` would begin with an empty one"
        faults.append(failure("leftover files", found, RESTORE))
    yield from faults or [ok("leftover files", "none")]


def rotation(installation: Installation) -> Iterator[Finding]:
    """No rotation of the config password waits to be finished."""
    if installation.secrets is None or installation.secrets.values.get(CONFIG_PASSWORD_NEXT) is None:
        return
    if installation.secrets.values[CONFIG_PASSWORD_NEXT] != installation.settings.config_password:
        found = "a rotation of the config password is not finished, or CONFIG_PASSWORD was not changed since"
        yield warning("rotation", found, "hummingbus rotate-config-password   (it says what is left to do)")


def _our_pids(installation: Installation) -> frozenset[int]:
    """The running supervisor and everything it started; nobody when the stack is down."""
    if installation.supervisor is None:
        return frozenset()
    try:
        children = psutil.Process(installation.supervisor).children(recursive=True)
    except psutil.NoSuchProcess:
        return frozenset()
    return frozenset([installation.supervisor, *(child.pid for child in children)])


def _listener(port: int) -> psutil.Process | None:
    """Who listens on the port, where the system lets us see that."""
    try:
        connections = psutil.net_connections(kind="tcp")
    except psutil.AccessDenied:
        return None
    listening = {one.laddr.port: one.pid for one in connections if one.status == psutil.CONN_LISTEN and one.laddr}
    pid = listening.get(port)
    try:
        return psutil.Process(pid) if pid else None
    except psutil.NoSuchProcess:
        return None


def _pid(listener: psutil.Process | None) -> str:
    return str(listener.pid) if listener else "<pid>"


def _too_open(path: Path, mode: int) -> Finding | None:
    status = path.stat()
    if status.st_uid != os.geteuid():
        return failure("secrets", f"{path} belongs to user {status.st_uid}", f"chown {os.geteuid()} {path}")
    if stat.S_IMODE(status.st_mode) & ~mode:
        return failure("secrets", f"{path} has mode {stat.S_IMODE(status.st_mode):o}", f"chmod {mode:o} {path}")
    return None
