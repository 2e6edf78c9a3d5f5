"""Trading processes that are forked from one which has the engine loaded, and that die where a test wants them to.

Run as a program it reads ways to run from its input, one a line. Each forks a trading process, whose id is answered. The
program's environment is that of the services.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import tempfile
from enum import StrEnum
from pathlib import Path
from typing import Any

from engine_kit import engine
from service_kit.service import run
from trading.adapters import executor_configs
from trading.app import build
from trading.handlers.executor_orders import OrderBook
from trading.handlers.executors import Executors
from trading.handlers.outcomes import Outcomes
from trading.handlers.updates import Updates
from trading.settings import Settings


class Way(StrEnum):
    """How far executors get in a process before it is killed.

    IDLE: they are created and not begun. ASKING: what they ask for is in their state, and no intent is stored. STORING: intents
    are stored and not sent. DEAF: orders are sent, and neither answers nor pushes are heard. WHOLE: nothing is held back.
    """

    IDLE = "idle"
    ASKING = "asking"
    STORING = "storing"
    DEAF = "deaf"
    WHOLE = "whole"


def nothing(*_: Any) -> None:
    """Goes no further."""


async def forever(*_: Any) -> None:
    """Hears nothing."""
    await asyncio.Event().wait()


async def sent_only(outcomes: Outcomes, tracked: Any, _metadata: Any) -> None:
    """The exchange has the order; the process dies before it is told so."""
    await outcomes._live.exchange.submit(tracked.ticket)
    await forever()


def hold_back(way: Way) -> None:
    """Make this process go no further than its way."""
    match way:
        case Way.IDLE:
            Executors._start = nothing  # type: ignore[method-assign]
        case Way.ASKING:
            OrderBook.send = nothing  # type: ignore[method-assign]
        case Way.STORING:
            Outcomes.submit = nothing  # type: ignore[method-assign]
        case Way.DEAF:
            Outcomes._submit = sent_only  # type: ignore[method-assign]
            Updates.consume = forever  # type: ignore[method-assign]


def main() -> None:
    """Fork a process for each line."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with tempfile.TemporaryDirectory() as directory:
        engine._load(Path(directory))
        executor_configs.load()
        for line in sys.stdin:
            child = os.fork()
            if child == 0:
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                # What is answered to the test goes out alone.
                os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
                hold_back(Way(line.strip()))
                run(build(Settings()))
            sys.stdout.write(f"{child}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
