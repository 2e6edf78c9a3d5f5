"""What is in a backup: written from a home, read back into an empty one."""

from __future__ import annotations

import json
import os
import shutil
import tarfile
import tempfile
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

from hummingbus.backup import database, journal
from hummingbus.backup.sealed_archive import ArchiveBroken, SealedReader, SealedWriter
from hummingbus.embedded.nats_permissions import CONTEXTS
from hummingbus.embedded.ports import free_port, read_ports
from hummingbus.embedded.postgres import PostgresCluster
from hummingbus.embedded.process import running, unprivileged_user
from hummingbus.home import Home, locked
from hummingbus.secrets import InstallationSecrets, load_secrets
from hummingbus.stack.report import end_leftovers

MANIFEST, DUMP, SECRETS, SANDBOX = "manifest.json", "database.dump", "secrets", "sandbox"
FORMAT = 1
UNFINISHED = "unfinished-backup-"
"""Begins the names of directories that are there only while a backup is made or restored."""


class HomeNotEmpty(Exception):
    """The home holds an installation already."""


def write_backup(home: Home, file: Path, passphrase: bytes) -> int:
    """Write the backup of a running or stopped installation to a new file; its size in bytes.

    The database first, the exchange second: an exchange that is ahead is what every restored database meets. Raises
    FileExistsError, SecretsUnusable, AlreadyLocked, StartFailed, OSError; no part of a file is left then.
    """
    if file.exists():
        raise FileExistsError(f"{file} exists; nothing was written")
    partial = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        with ExitStack() as stack:
            stack.enter_context(locked(home.rotation_lock, wait=True))
            directory = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=home.run, prefix=UNFINISHED)))
            _dump(home, load_secrets(home), directory / DUMP)
            descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            target = stack.enter_context(os.fdopen(descriptor, "wb"))
            sealed = SealedWriter(target, passphrase)
            with tarfile.open(fileobj=sealed, mode="w|") as archive:
                _fill(archive, home, directory)
            sealed.finish()
            target.flush()
            os.fsync(target.fileno())
        partial.rename(file)
    finally:
        partial.unlink(missing_ok=True)
    return file.stat().st_size


def _dump(home: Home, secrets: InstallationSecrets, file: Path) -> None:
    user = unprivileged_user()
    port = read_ports(home.ports).get("postgres", 0)
    cluster = PostgresCluster(home.postgres(user), port, secrets["postgres_superuser"], user)
    if home.supervisor() is not None:
        database.dump(cluster, file)
        return
    with locked(home.lock):
        end_leftovers(home)
        own = PostgresCluster(cluster.data, free_port(), cluster.password, user)
        with running(own.program(), home.log("postgres")):
            database.dump(own, file)


def _fill(archive: tarfile.TarFile, home: Home, directory: Path) -> None:
    (directory / MANIFEST).write_text(json.dumps({"format": FORMAT, "made_at": datetime.now(UTC).isoformat()}))
    _add(archive, directory / MANIFEST, MANIFEST)
    for name in ("machine.key", "installation.sealed"):
        _add(archive, home.secrets / name, f"{SECRETS}/{name}")
    _add(archive, directory / DUMP, DUMP)
    with journal.kept_files(home.sandbox) as files:
        for path in files:
            _add(archive, path, f"{SANDBOX}/{path.name}")


def _add(archive: tarfile.TarFile, path: Path, name: str) -> None:
    """As many bytes as the file has now; it may grow while it is read."""
    with path.open("rb") as file:
        entry = tarfile.TarInfo(name)
        entry.size, entry.mode = os.fstat(file.fileno()).st_size, 0o600
        archive.addfile(entry, file)


def read_backup(home: Home, file: Path, passphrase: bytes) -> str:
    """Make the installation of the backup in an empty home, stopped; when the backup was made.

    Everything is decrypted and checked before anything is made. The secrets are put in place last: what a killed restore
    leaves does not start. Raises HomeNotEmpty, ArchiveBroken, SecretsUnusable, AlreadyLocked, StartFailed, OSError.
    """
    if not is_empty(home):
        raise HomeNotEmpty(f"{home.path} holds an installation already")
    home.open()
    with locked(home.lock), tempfile.TemporaryDirectory(dir=home.run, prefix=UNFINISHED) as name:
        staged = Path(name)
        _unpack(file, passphrase, staged)
        manifest = json.loads((staged / MANIFEST).read_text())
        if manifest["format"] != FORMAT:
            raise ArchiveBroken(f"the backup has format {manifest['format']}, this version reads {FORMAT}")
        # The staged directory has the layout of a home as far as its secrets are concerned.
        secrets = load_secrets(Home(staged))
        user = unprivileged_user()
        cluster = PostgresCluster(home.postgres(user), free_port(), secrets["postgres_superuser"], user)
        passwords = {context: secrets[f"postgres_{context}"] for context in CONTEXTS}
        database.restore(cluster, passwords, staged / DUMP, home.log("postgres"))
        for source, target in ((SANDBOX, home.sandbox), (SECRETS, home.secrets)):
            for path in sorted((staged / source).glob("*"), reverse=True):
                _move(path, target / path.name)
    return str(manifest["made_at"])


def is_empty(home: Home) -> bool:
    """Whether nothing in the home would be overwritten."""
    kept = (home.path / "postgres.location", home.path / "postgres", home.nats / "jetstream")
    return not any(path.exists() for path in kept) and not any(
        any(folder.iterdir()) for folder in (home.secrets, home.sandbox) if folder.is_dir()
    )


def _unpack(file: Path, passphrase: bytes, directory: Path) -> None:
    with file.open("rb") as source, SealedReader(source, passphrase) as sealed:
        try:
            with tarfile.open(fileobj=sealed, mode="r|") as archive:
                archive.extractall(directory, filter="data")
        except tarfile.TarError as error:
            raise ArchiveBroken(f"the archive cannot be read: {error}") from error


def _move(path: Path, target: Path) -> None:
    """Copy, make durable, rename."""
    partial = target.with_name(f".{target.name}.{os.getpid()}")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with path.open("rb") as source, os.fdopen(descriptor, "wb") as copy:
        shutil.copyfileobj(source, copy)
        copy.flush()
        os.fsync(copy.fileno())
    partial.rename(target)
