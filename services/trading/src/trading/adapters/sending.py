"""Calls that change something on an exchange: each is made once, and judged by what its answer proves."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

from engine_kit.asking import ENGINE_ERRORS
from engine_kit.venue import Attempt, watching

from trading.adapters import outcome
from trading.adapters.exchange import Outcome, Refused, Unproven

SEND_SECONDS = 20
"""How long a call may take, waiting for the exchange's rate limit included."""


async def sent(call: Awaitable[Outcome], rest_only: bool) -> Outcome:
    """Run one call and judge how it failed. A call cancelled inside is unproven; our own cancellation goes on."""
    task = asyncio.current_task()
    with watching() as attempt:
        try:
            async with asyncio.timeout(SEND_SECONDS):
                return await call
        except asyncio.CancelledError:
            if task is not None and task.cancelling():
                raise
            return Unproven("the call was cancelled before the exchange answered")
        except ENGINE_ERRORS as error:
            return _judged(error, attempt, rest_only)


def _judged(error: BaseException, attempt: Attempt, rest_only: bool) -> Outcome:
    if isinstance(error, TimeoutError) and rest_only and not attempt.acted:
        return Refused(f"nothing was sent: no place in the exchange's rate limit within {SEND_SECONDS} s", "")
    return outcome.judged(error, attempt, rest_only=rest_only)
