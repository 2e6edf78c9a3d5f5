"""What the processes of a stack cost: processor time and memory, children included."""

from __future__ import annotations

import psutil

from tests.stack import Stack


def pids(stack: Stack) -> dict[str, int]:
    """The process ids by name, the supervisor included."""
    return {name: int(process["pid"]) for name, process in stack.processes().items() if process["pid"]}


def cpu_seconds(known: dict[str, int]) -> dict[str, float]:
    """Processor seconds that each process and its children used so far."""
    return {name: sum(map(_cpu, _family(name, pid, known))) for name, pid in known.items()}


def memory_bytes(known: dict[str, int]) -> dict[str, int]:
    """Memory by process as proportional set size: pages that processes share are divided among them."""
    return {name: sum(map(_memory, _family(name, pid, known))) for name, pid in known.items()}


def _family(name: str, pid: int, known: dict[str, int]) -> list[psutil.Process]:
    """A process with its children; the supervisor's children are the other processes."""
    try:
        parent = psutil.Process(pid)
        return [parent] if name == "supervisor" else [parent, *parent.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _cpu(process: psutil.Process) -> float:
    try:
        used = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return float(used.user + used.system)


def _memory(process: psutil.Process) -> int:
    try:
        return int(getattr(process.memory_full_info(), "pss", 0) or process.memory_info().rss)
    except psutil.NoSuchProcess:
        return 0
