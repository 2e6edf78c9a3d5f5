"""Running a service as a process: uvloop, signals, and an end in time."""

from __future__ import annotations

import asyncio
import gc
import importlib.metadata
import logging
import signal
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import uvloop

from service_kit.stacks import tell_stacks
from service_kit.supervisor import Crash, backoff, guarded
from service_kit.telemetry import configure_logs

if TYPE_CHECKING:
    from service_kit.service import Service

logger = logging.getLogger(__name__)

COLLECT_AFTER = (10_000, 20, 20)
"""The collector's thresholds. Python's own (700, 10, 10) make it look at the young objects several times a request."""


def run(service: Service) -> None:
    """Run a service until SIGTERM or SIGINT, then stop it in order.

    Exits with 0 after a stop that was asked for, with 1 when the service could not start.
    """
    gc.set_threshold(*COLLECT_AFTER)
    settings = service.settings
    configure_logs(service.name, settings.replica, settings.log_level)
    raise SystemExit(uvloop.run(_serve(service)))


async def _serve(service: Service) -> int:
    asked = asyncio.Event()
    loop = asyncio.get_running_loop()
    for each in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(each, asked.set)
    loop.add_signal_handler(signal.SIGUSR1, tell_stacks)
    starting = asyncio.create_task(_started(service))
    stopping = asyncio.create_task(asked.wait())
    await asyncio.wait((starting, stopping), return_when=asyncio.FIRST_COMPLETED)
    crashed = starting.done() and starting.result() is not None
    if not crashed:
        await stopping
    stopping.cancel()
    starting.cancel()
    await asyncio.wait([starting])
    await within(service.stop_seconds, "service", service.stop())
    return 1 if crashed else 0


async def _started(service: Service) -> Crash | None:
    outcome = await guarded(service.start())
    if isinstance(outcome, Crash):
        logger.critical("service could not start", exc_info=outcome.error)
        return outcome
    _spare_the_collector()
    return None


def _spare_the_collector() -> None:
    """Take what was made so far, modules above all, out of the garbage collector's sight: it would halt the loop to look
    through all of it (60 ms for the engine's 150,000 objects), and little of it ever becomes garbage.
    """
    gc.collect()
    gc.freeze()


async def until_done(name: str, work: Callable[[], Awaitable[None]], failed: Callable[[str], None]) -> None:
    """Await `work` again and again until it succeeds; each failure is logged, and `failed` is told why."""
    attempt = 0
    while isinstance(outcome := await guarded(work()), Crash):
        attempt += 1
        failed(f"{name}: {outcome.reason}")
        logger.error("%s failed: %s", name, outcome.reason, exc_info=outcome.error, extra={"attempt": attempt})
        await asyncio.sleep(backoff(attempt, longest=5))


async def within(seconds: float, name: str, work: Awaitable[None]) -> None:
    """Await `work` for at most `seconds`; a failure is logged, so that the next step of a stop is taken all the same."""
    outcome = await guarded(asyncio.wait_for(work, seconds))
    if isinstance(outcome, Crash):
        logger.error("%s did not stop well: %s", name, outcome.reason, exc_info=outcome.error)


def version_of(service: str) -> str:
    """The version of the service's installed package, `0` when it is not installed."""
    try:
        return importlib.metadata.version(service)
    except importlib.metadata.PackageNotFoundError:
        return "0"
