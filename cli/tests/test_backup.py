"""Backups: what a file that was changed does, what a running exchange's journal is, what happens to transaction ids."""

from __future__ import annotations

import asyncio
import io
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest
from hummingbus.__main__ import app
from hummingbus.backup import database, journal
from hummingbus.backup.contents import is_empty
from hummingbus.backup.sealed_archive import CHUNK_BYTES, HEADER, ArchiveBroken, SealedReader, SealedWriter
from hummingbus.embedded.nats_permissions import CONTEXTS
from hummingbus.embedded.ports import free_port
from hummingbus.embedded.postgres import PostgresCluster
from hummingbus.embedded.process import running, unprivileged_user
from hummingbus.home import Home
from hummingbus.stack.provisioning import DATABASE, provision
from typer.testing import CliRunner

CHEAP = (1, 64, 1)
PASSPHRASE = b"correct horse battery"
PLAIN = b"canary" * 500_000


def sealed(plain: bytes = PLAIN) -> bytes:
    file = io.BytesIO()
    writer = SealedWriter(file, PASSPHRASE, CHEAP)
    writer.write(plain)
    writer.finish()
    return file.getvalue()


def opened(data: bytes, passphrase: bytes = PASSPHRASE) -> bytes:
    with SealedReader(io.BytesIO(data), passphrase) as reader:
        return reader.read()


@pytest.mark.parametrize("size", [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 2 * CHUNK_BYTES])
def test_an_archive_opens_to_what_was_written(size: int) -> None:
    assert opened(sealed(PLAIN[:size])) == PLAIN[:size]


def test_nothing_in_it_is_readable() -> None:
    assert b"canary" not in sealed()


def test_another_passphrase_is_told() -> None:
    with pytest.raises(ArchiveBroken, match="passphrase"):
        opened(sealed(), b"another passphrase")


@pytest.mark.parametrize("place", [0, 25, HEADER.size - 1, HEADER.size, HEADER.size + 3, HEADER.size + 500, -CHUNK_BYTES, -1])
def test_a_changed_byte_is_found(place: int) -> None:
    data = bytearray(sealed())
    data[place] ^= 1
    with pytest.raises(ArchiveBroken):
        opened(bytes(data))


def test_a_cut_file_is_found_wherever_it_was_cut() -> None:
    data = sealed()
    frame = 5 + CHUNK_BYTES + 16
    for end in (10, HEADER.size, HEADER.size + frame, HEADER.size + 2 * frame, len(data) - 1):
        with pytest.raises(ArchiveBroken):
            opened(data[:end])


def test_swapped_chunks_are_found() -> None:
    data, frame = sealed(), 5 + CHUNK_BYTES + 16
    first, second = data[HEADER.size : HEADER.size + frame], data[HEADER.size + frame : HEADER.size + 2 * frame]
    with pytest.raises(ArchiveBroken):
        opened(data[: HEADER.size] + second + first + data[HEADER.size + 2 * frame :])


def test_no_file_of_the_journal_is_replaced_while_it_is_copied(tmp_path: Path) -> None:
    for name in ("snapshot.jsonl", "journal-000000000000008.log", "journal-000000000000003.log", "lock"):
        (tmp_path / name).touch()
    compaction = ["flock", "--nonblock", str(tmp_path / "compaction.lock"), "true"]
    with journal.kept_files(tmp_path) as files:
        assert [file.name for file in files] == [
            "snapshot.jsonl", "journal-000000000000003.log", "journal-000000000000008.log",
        ]  # fmt: skip
        assert subprocess.run(compaction, check=False).returncode != 0
    assert subprocess.run(compaction, check=False).returncode == 0


@pytest.fixture
def open_directory() -> Iterator[Path]:
    """A directory the unprivileged user reaches."""
    with tempfile.TemporaryDirectory(prefix="hummingbus-backup-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


async def test_transactions_go_on_behind_those_of_the_dump(postgres_cluster: PostgresCluster, open_directory: Path) -> None:
    source = PostgresCluster(postgres_cluster.data, postgres_cluster.port, postgres_cluster.password, postgres_cluster.user)
    passwords = dict.fromkeys(CONTEXTS, "throw-away")
    await asyncio.to_thread(provision, source, passwords)
    connection = await asyncpg.connect(source.url(DATABASE))
    try:
        await connection.execute("SET ROLE accounts; CREATE TABLE accounts.stored_events (tx xid8)")
        await connection.execute("INSERT INTO accounts.stored_events VALUES ('21474836999')")
        await asyncio.to_thread(database.dump, source, open_directory / "dump")
    finally:
        await connection.close()
        server = await asyncpg.connect(source.url())
        await server.execute(f"DROP DATABASE {DATABASE} WITH (FORCE)")
        await server.close()
    target = PostgresCluster(open_directory / "postgres", free_port(), "another", unprivileged_user(), durable=False)
    log = open_directory / "log"
    await asyncio.to_thread(database.restore, target, passwords, open_directory / "dump", log)
    with running(target.program(), log):
        owner = await asyncpg.connect(target.url(DATABASE, "accounts", "throw-away"))
        assert await owner.fetchval("SELECT tx FROM accounts.stored_events") == 21474836999
        assert await owner.fetchval("SELECT pg_current_xact_id()") > 21474836999
        await owner.close()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("HUMMINGBUS_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "passphrase").write_text("correct horse battery\n")
    return Home(tmp_path / "home")


def test_what_cannot_be_backed_up_or_restored_is_refused(home: Home, tmp_path: Path) -> None:
    def run(*arguments: str) -> str:
        result = CliRunner().invoke(app, [*arguments, "--passphrase-file", "passphrase"])
        assert result.exit_code == 1
        return result.output

    assert "holds no installation" in run("backup", "file")
    (tmp_path / "file").write_bytes(b"not a backup")
    assert "not a backup" in run("restore", "file")
    assert is_empty(home)
    (home.secrets / "installation.sealed").touch()
    assert "--force" in run("restore", "file")
    assert "exists" in run("backup", "file")
    (tmp_path / "passphrase").write_text("short\n")
    assert "at least 12" in run("backup", "other")
