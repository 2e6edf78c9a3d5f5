"""How tasks end: what a cancellation waits for, and what a group of failures was made of."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from contracts.rejections import Unavailable

from trading.handlers.surroundings import Lease, Stoppable


class Ended(Exception):
    """The session ends on purpose: leaves the group of its tasks."""


class SessionEnding(Unavailable):
    """Nothing new begins in a session that ends; another one, here or in another replica, goes on."""

    def __init__(self) -> None:
        super().__init__("The session is ending")


def spawning(tasks: asyncio.TaskGroup) -> Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]]:
    """Runs work in a session's tasks; raises SessionEnding once they end, which whoever still has the session may not know."""

    def spawn(work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        try:
            return tasks.create_task(work)
        except RuntimeError as error:
            work.close()
            raise SessionEnding from error

    return spawn


def still_wanted() -> None:
    """Raise CancelledError if this task was cancelled: Python 3.12's TaskGroup forgets it when one of its tasks failed then."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


async def to_the_end(work: Coroutine[Any, Any, None]) -> None:
    """Await work that must not be left half done: a cancellation waits for it.

    A subscription that is being made would be lost and served for ever, a lease half released stay taken until it expires.
    """
    task = asyncio.create_task(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise


def leaves(group: BaseExceptionGroup[Any]) -> list[BaseException]:
    """The errors of a group of groups."""
    found: list[BaseException] = []
    for error in group.exceptions:
        found.extend(leaves(error) if isinstance(error, BaseExceptionGroup) else [error])
    return found


async def stop_all(subscriptions: list[Stoppable]) -> None:
    """Serve none of them any more."""
    await asyncio.gather(*(subscription.stop() for subscription in subscriptions))


async def until_lost(lease: Lease) -> None:
    """Raise Ended when the lease is lost."""
    await lease.lost.wait()
    raise Ended
