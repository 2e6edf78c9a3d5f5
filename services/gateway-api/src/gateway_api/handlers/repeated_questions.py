"""A question that nobody answers is asked once more: the process that was given it may stand still, or be gone.

NATS gives a question to one replica. When that one stops at this moment, the asker hears nothing; NATS takes the replica out of
the group once it misses two pings, so the same question asked later reaches another one. Queries change nothing: asking twice
is safe, and the first answer counts.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from service_kit.bus import NoAnswer, NoResponders, Response

QUIET = 7.0
"""Seconds without an answer after which a question is asked again: longer than NATS needs to miss two pings."""


async def ask_twice(ask: Callable[[float], Awaitable[Response]], timeout: float, quiet: float) -> Response:
    """What `ask` gives within `timeout` seconds, asked a second time after `quiet` of them. Raises what the last one raises."""
    if timeout <= quiet:
        return await ask(timeout)
    asking: set[asyncio.Future[Response]] = {asyncio.ensure_future(ask(timeout))}
    try:
        done, _ = await asyncio.wait(asking, timeout=quiet)
        if not done:
            asking.add(asyncio.ensure_future(ask(timeout - quiet)))
        return await _first_answer(asking)
    finally:
        for each in asking:
            each.cancel()


async def _first_answer(asking: set[asyncio.Future[Response]]) -> Response:
    """Of whichever is answered first; what fails leaves it to the other."""
    waiting = set(asking)
    while True:
        done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        good = [each for each in done if not isinstance(each.exception(), NoAnswer | NoResponders)]
        if good or not waiting:
            return (good or list(done))[0].result()
