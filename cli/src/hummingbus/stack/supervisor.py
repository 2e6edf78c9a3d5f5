"""Starts the programs in order, keeps them running, stops them in the opposite order."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from hummingbus.embedded.process import Program
from hummingbus.home import Home
from hummingbus.stack.child import Child
from hummingbus.stack.report import StackReport, write_report

logger = logging.getLogger(__name__)

WRITE_AGAIN_SECONDS = 1.0
GROUP_SECONDS = 45.0
"""How long a group may take before the next is started all the same: what works shall be reachable."""


class Supervisor:
    """The programs come in groups: the members of a group start together, once every earlier group is ready."""

    def __init__(
        self, home: Home, groups: Sequence[Sequence[Program]], report: StackReport, group_seconds: float = GROUP_SECONDS
    ) -> None:
        self._home = home
        self._report = report
        self._group_seconds = group_seconds
        self._changed = asyncio.Event()
        self._groups = [[Child(program, home, self._changed.set) for program in group] for group in groups]

    @property
    def children(self) -> list[Child]:
        """All children, in the order they are started."""
        return [child for group in self._groups for child in group]

    async def run(self, stopping: asyncio.Event) -> None:
        """Run until `stopping` is set, then stop everything and return."""
        reporting = asyncio.create_task(self._keep_reporting())
        starting = asyncio.create_task(self._start_groups())
        await stopping.wait()
        starting.cancel()
        self._report = self._report.model_copy(update={"state": "stopping"})
        for group in reversed(self._groups):
            await asyncio.gather(*(child.stop() for child in group))
        reporting.cancel()
        self._written()

    async def _start_groups(self) -> None:
        for group in self._groups:
            for child in group:
                child.start()
            answers = await asyncio.gather(*(child.wait_ready(self._group_seconds) for child in group))
            for child, ready in zip(group, answers, strict=True):
                if not ready:
                    logger.error("%s is not ready after %.0f s, going on", child.program.name, self._group_seconds)
        self._report = self._report.model_copy(update={"state": "running"})
        self._changed.set()

    async def _keep_reporting(self) -> None:
        while True:
            self._changed.clear()
            if self._written():
                await self._changed.wait()
                await asyncio.sleep(0.05)  # changes come in bursts
            else:
                await asyncio.sleep(WRITE_AGAIN_SECONDS)

    def _written(self) -> bool:
        try:
            write_report(self._home, self._report.model_copy(update={"programs": [child.report for child in self.children]}))
        except OSError as error:  # the disk is full: whatever happens, the programs are looked after
            logger.error("the report cannot be written: %s", error)
            return False
        return True
