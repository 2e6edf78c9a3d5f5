"""A NATS server that a test may kill, wipe and start again on the same port."""

from __future__ import annotations

import asyncio
import shutil
import socket
import subprocess
import sysconfig
from pathlib import Path


class KillableNats:
    """One server process with JetStream on disk."""

    def __init__(self, store: Path) -> None:
        self._store = store
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port: int = probe.getsockname()[1]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where clients connect."""
        return f"nats://127.0.0.1:{self._port}"

    async def start(self) -> None:
        """Start and wait until it greets."""
        binary = Path(sysconfig.get_path("scripts")) / "nats-server"
        command = [str(binary), "-a", "127.0.0.1", "-p", str(self._port), "-js", "-sd", str(self._store)]
        self._process = subprocess.Popen(command, stderr=subprocess.DEVNULL)  # noqa: ASYNC220 - returns at once
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", self._port)
            except OSError:
                await asyncio.sleep(0.02)
                continue
            writer.close()
            return

    def kill(self) -> None:
        """kill -9."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def wipe(self) -> None:
        """Remove all streams from disk; the server must be dead."""
        shutil.rmtree(self._store, ignore_errors=True)
