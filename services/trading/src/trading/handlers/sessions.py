"""Which sessions run here: compared with the credentials that exist, again and again."""

from __future__ import annotations

import asyncio
import logging

from contracts import naming
from contracts.message import Metadata
from contracts.rejections import Unavailable
from contracts.trading import ReleaseSession, SessionState
from service_kit.bus import Bus, NoResponders
from service_kit.supervisor import Supervisor

from trading.domain.session import Phase
from trading.handlers.executor_posts import Post
from trading.handlers.measures import SessionCondition
from trading.handlers.session import SessionRunner, record_release
from trading.handlers.surroundings import Surroundings
from trading.views.sessions import Desired, desired_sessions

logger = logging.getLogger(__name__)

COMPARE_SECONDS = 0.5
RELEASE_GRACE_SECONDS = 60.0
RELEASE_SECONDS = 10.0
LOOK_AGAIN_SECONDS = 0.5


class Sessions:
    """Keeps a runner for every session that should run. Starts and stops are independent of each other."""

    def __init__(self, around: Surroundings, bus: Bus, supervisor: Supervisor | None = None) -> None:
        self._around = around
        self._bus = bus
        self._runners: dict[tuple[str, str], SessionRunner] = {}
        self._supervisor = supervisor or Supervisor()
        self._stops: set[asyncio.Task[None]] = set()

    async def keep(self) -> None:
        """Compare for ever; without the database, what runs goes on."""
        while True:
            try:
                await self.compare()
            except Unavailable as error:
                logger.warning("desired sessions cannot be read: %s", error.detail)
            await asyncio.sleep(COMPARE_SECONDS)

    async def compare(self) -> None:
        """Start what is missing, stop what should not run, restart what runs on an old credential."""
        found = await desired_sessions(self._around.log, grace=RELEASE_GRACE_SECONDS)
        desired = {(each.account, each.connector): each for each in found}
        await self._around.places.read({each.account for each in found})
        for key, runner in list(self._runners.items()):
            wanted = desired.get(key)
            if wanted is None:
                self._stop(key, "the credential was deleted or the session released")
            elif wanted.credential_version > runner.credential_version:
                self._stop(key, "the credential was replaced")
            elif runner.condition is SessionCondition.READY and not self._around.places.mine(runner.account):
                self._stop(key, "handed over to another replica")
        for key, wanted in desired.items():
            if key not in self._runners:
                self._start(key, wanted)

    async def stop(self) -> None:
        """Stop all sessions gracefully."""
        for key in list(self._runners):
            self._stop(key, "the service stops")
        if self._stops:
            await asyncio.wait(self._stops)

    async def release(self, command: ReleaseSession, metadata: Metadata) -> SessionState:
        """Stop a session before its credential is deleted, whichever replica holds it; returns when nobody does.

        Refused: OrdersOpen unless forced. Unavailable when it does not stop in time.
        """
        runner = self._runners.get((command.account, command.connector))
        if runner is not None and runner.holding:
            return await runner.release(command, metadata)
        subject = naming.session_command_subject(command.account, command.connector, ReleaseSession)
        try:
            return await self._bus.command(command, SessionState, metadata, subject=subject)
        except NoResponders:
            return await self._until_free(command, metadata)

    def post(self, account: str, connector: str) -> Post | None:
        """Where executors of an account send orders for a connector; None while that session takes none here."""
        runner = self._runners.get((account, connector))
        return None if runner is None or runner.ending else runner.post

    def conditions(self) -> dict[tuple[str, str], SessionCondition]:
        """How each session is here, by account and connector."""
        return {key: runner.condition for key, runner in self._runners.items()}

    def problem(self) -> str | None:
        """The sessions' own crashes, for readiness; a failing exchange is none."""
        failures = self._supervisor.failures()
        return "; ".join(f"{name}: {reason}" for name, reason in failures.items()) or None

    async def _until_free(self, command: ReleaseSession, metadata: Metadata) -> SessionState:
        account, connector = command.account, command.connector
        deadline = asyncio.get_running_loop().time() + RELEASE_SECONDS
        while asyncio.get_running_loop().time() < deadline:
            # Each time, as a command of its own: a replica that had the lease already may have recorded its start after the
            # release, which voids it.
            await record_release(self._around.log, command, metadata)
            metadata = metadata.caused()
            lease = await self._around.leases.acquire("session", f"{account}.{connector}")
            if lease is not None:
                await lease.release()
                return SessionState(account=account, connector=connector, state=Phase.STOPPED.value, reason="released")
            await asyncio.sleep(LOOK_AGAIN_SECONDS)
        raise Unavailable(f"The session of {account} on {connector} is still stopping")

    def _start(self, key: tuple[str, str], wanted: Desired) -> None:
        runner = SessionRunner(wanted.account, wanted.connector, wanted.credential_version, self._around)
        self._runners[key] = runner
        self._supervisor.start(_name(key), runner.run)

    def _stop(self, key: tuple[str, str], reason: str) -> None:
        runner = self._runners.get(key)
        if runner is None or runner.ending:
            return
        runner.ending = True
        task = asyncio.create_task(self._end(key, runner, reason))
        self._stops.add(task)
        task.add_done_callback(self._stops.discard)

    async def _end(self, key: tuple[str, str], runner: SessionRunner, reason: str) -> None:
        await runner.stop(reason)
        await self._supervisor.stop(_name(key))
        self._runners.pop(key, None)


def _name(key: tuple[str, str]) -> str:
    return f"session {key[0]}.{key[1]}"
