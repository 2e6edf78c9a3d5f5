"""What a process waits for, told in its log on request: `kill -USR1 <pid>` (`hummingbus status` tells the pids)."""

from __future__ import annotations

import asyncio
import logging

logger = logging.getLogger(__name__)

FRAMES = ("cr_frame", "gi_frame", "ag_frame")
AWAITED = ("cr_await", "gi_yieldfrom", "ag_await")
"""What coroutines, generators and asynchronous generators call their frame, and what they wait for."""


def tell_stacks() -> None:
    """Log a line for each task of the running loop: its name, and where it stands, outermost call first. Then how many."""
    tasks = sorted(asyncio.all_tasks(), key=lambda each: each.get_name())
    for task in tasks:
        logger.warning("task %s stands at %s", task.get_name(), " > ".join(_awaited(task)) or "its beginning")
    logger.warning("%s tasks were told of", len(tasks))


def _awaited(task: asyncio.Task[object]) -> list[str]:
    """The calls a task is in, down the chain of what each awaits."""
    places: list[str] = []
    awaited: object = task.get_coro()
    while awaited is not None:
        frame = next((found for name in FRAMES if (found := getattr(awaited, name, None)) is not None), None)
        if frame is None:
            places.append(repr(awaited))
            break
        places.append(f"{frame.f_code.co_qualname} ({frame.f_code.co_filename}:{frame.f_lineno})")
        awaited = next((found for name in AWAITED if (found := getattr(awaited, name, None)) is not None), None)
    return places
