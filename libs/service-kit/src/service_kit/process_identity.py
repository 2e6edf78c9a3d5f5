"""Which process this is, and whether another one is proven dead."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
PID_NAMESPACE = Path("/proc/self/ns/pid")


def this_process() -> dict[str, Any]:
    """`{"machine": str, "pid": int, "started": float}`; `machine` names the boot and the space in which the pid counts."""
    return {"machine": _machine(), "pid": os.getpid(), "started": psutil.Process().create_time()}


def is_dead(process: Mapping[str, Any]) -> bool:
    """Whether the process is proven to have ended: it ran here, and its pid is free, a zombie's, or another's by now.

    False for a process of another machine or container: nothing is known about it.
    """
    if process.get("machine") != _machine():
        return False
    try:
        found = psutil.Process(int(process["pid"]))
        return found.create_time() != process["started"] or found.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def _machine() -> str:
    boot = BOOT_ID.read_text().strip() if BOOT_ID.exists() else str(int(psutil.boot_time()))
    space = str(PID_NAMESPACE.readlink()) if PID_NAMESPACE.exists() else ""
    return f"{platform.node()}/{boot}/{space}"
