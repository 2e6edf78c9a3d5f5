"""The supervisor's process: `python -m hummingbus.stack`, with the settings as JSON on standard input.

Not as arguments or environment: other users of the machine may see those, and the settings hold passwords.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
import time
from collections.abc import Sequence

from hummingbus.embedded.ports import Reservations
from hummingbus.embedded.process import Program, StartFailed
from hummingbus.home import AlreadyLocked, Home, locked
from hummingbus.secrets import SecretsUnusable
from hummingbus.settings import StackSettings
from hummingbus.stack.layout import Layout
from hummingbus.stack.preparation import prepare, remove_environment_files
from hummingbus.stack.report import StackReport
from hummingbus.stack.supervisor import Supervisor

logger = logging.getLogger("hummingbus.stack")


def main() -> int:
    """Run the stack until SIGTERM or SIGINT. Exit codes: 0 stopped as asked or already running elsewhere, 1 cannot start."""
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)sZ %(levelname)s %(message)s")
    logging.Formatter.converter = time.gmtime
    settings = StackSettings.model_validate_json(sys.stdin.read())
    home = Home(settings.home)
    try:
        with locked(home.lock):
            layout = prepare(home, settings, Reservations())
            asyncio.run(supervise(home, layout.groups(), described(layout)))
            remove_environment_files(home)
    except AlreadyLocked:
        logger.info("already running")
    except (StartFailed, SecretsUnusable, OSError) as error:
        logger.error("%s", error)
        return 1
    return 0


def described(layout: Layout) -> StackReport:
    """The report to begin with."""
    return StackReport(supervisor=os.getpid(), venue=layout.settings.venue, url=layout.url, ports=dict(layout.ports))


async def supervise(home: Home, groups: Sequence[Sequence[Program]], report: StackReport) -> None:
    """Run the programs until a signal asks to stop."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signal_ in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signal_, stopping.set)
    await Supervisor(home, groups, report).run(stopping)
    logger.info("stopped")


if __name__ == "__main__":
    sys.exit(main())
