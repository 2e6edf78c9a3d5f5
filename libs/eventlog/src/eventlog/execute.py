"""A command's way through its aggregate: read, fold, decide, append."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

from contracts.message import Command, Event, Metadata
from contracts.rejections import Rejection, Unavailable

from eventlog.decider import Decider, SnapshotCodec
from eventlog.errors import VersionConflict
from eventlog.log import EventLog
from eventlog.recorded import Fence, Recorded
from eventlog.statements import Write
from eventlog.states import Known

logger = logging.getLogger(__name__)

ATTEMPTS = 10
LONGEST_PAUSE_SECONDS = 0.1


@dataclass(frozen=True)
class Executed[S, E]:
    """What a command led to: its events (none when nothing changed), and state and version right after them.

    `repeated`: the command had been executed before; this is the outcome it had then.
    """

    state: S
    events: tuple[E, ...]
    version: int
    repeated: bool


async def execute[S, C: Command, E: Event](
    log: EventLog,
    decider: Decider[S, C, E],
    stream: str,
    command: C,
    metadata: Metadata,
    *,
    fence: Fence | None = None,
    writes: Callable[[S, Sequence[E]], Sequence[Write]] | None = None,
    new: bool = False,
    alone: bool = False,
) -> Executed[S, E]:
    """Decide on a command and store its events; the same `metadata.message_id` again gives the same outcome.

    `writes` makes further writes of the append out of the new state and the new events; like the decider it may be called
    more than once.

    The state that the last command of this process left behind saves reading the stream. Events decided on it are stored only
    if the stream is still at its version; a refusal is decided again on what is read, and so is a command that changes
    nothing, unless the caller is `alone` in writing the stream. `new`: the stream is most likely not there yet, so it is read
    only if that proves wrong.

    Raises the decider's Rejection, Fenced, and Unavailable (the outcome may be unknown; executing the same command again is
    safe).
    """
    this = _Execution(log, decider, stream, command, metadata, fence, writes, new, alone)
    async with log.states.turn(stream):
        if (done := await this.on_kept_state()) is not None:
            return done
        for attempt in range(ATTEMPTS):
            if (done := await this.on_read_state()) is not None:
                return done
            await asyncio.sleep(min(0.001 * 2**attempt, LONGEST_PAUSE_SECONDS))
    msg = f"{stream} is written by too many at once"
    raise Unavailable(msg, retry_after=1)


async def load[S, C, E](log: EventLog, decider: Decider[S, C, E], stream: str) -> tuple[S, int]:
    """The state of a stream and its version, without a command; always read, never the kept one."""
    known, _ = await _read(log, decider, stream)
    return known.state, known.version


@dataclass(slots=True)
class _Execution[S, C: Command, E: Event]:
    log: EventLog
    decider: Decider[S, C, E]
    stream: str
    command: C
    metadata: Metadata
    fence: Fence | None
    writes: Callable[[S, Sequence[E]], Sequence[Write]] | None
    new: bool
    alone: bool
    read: tuple[Known[S], list[Recorded]] | None = None

    async def on_kept_state(self) -> Executed[S, E] | None:
        """The outcome on the state that is kept; None without one, and unless the append proves that it is not stale.

        From here until the outcome is known nothing is kept: what ends in an error is read again.
        """
        known: Known[S] | None = self.log.states.take(self.stream, self.decider)
        if known is None and self.new:
            known = Known(self.decider.initial, 0, 0, 0, set())
        if known is None or await self._was_here(known):
            return None
        try:
            events = tuple(self.decider.decide(known.state, self.command))
        except Rejection:
            return None
        return await self._append(known, events) if events or self.alone else None

    async def on_read_state(self) -> Executed[S, E] | None:
        """The outcome on the state as it is read now; None when somebody else was faster."""
        known, recorded = self.read = await self._read_on()
        if await self._was_here(known):
            return await self._earlier(recorded)
        try:
            events = tuple(self.decider.decide(known.state, self.command))
        except Rejection:
            self.log.states.keep(self.stream, self.decider, known)
            raise
        return await self._append(known, events)

    async def _read_on(self) -> tuple[Known[S], list[Recorded]]:
        """The stream, and when it was read before only what came since: whoever writes a long one all the time is faster than
        a reading of all of it.
        """
        if self.read is None:
            return await _read(self.log, self.decider, self.stream)
        known, recorded = self.read
        later = await self.log.read(self.stream, known.version)
        known.state = self.decider.fold(known.state, _events(self.decider, later))
        known.version += len(later)
        known.commands |= {one.metadata.causation_id for one in later if one.metadata.causation_id is not None}
        return known, [*recorded, *later]

    async def _was_here(self, known: Known[S]) -> bool:
        if self.metadata.message_id in known.commands:
            return True
        return known.read_from > 0 and bool(await self.log.caused_by(self.stream, self.metadata.message_id))

    async def _append(self, known: Known[S], events: tuple[E, ...]) -> Executed[S, E] | None:
        state = self.decider.fold(known.state, events)
        further = self.writes(state, events) if self.writes is not None else ()
        version = known.version + len(events)
        if events or further:
            try:
                await self.log.append(self.stream, known.version, events, self.metadata, writes=further, fence=self.fence)
            except VersionConflict:
                return None
        if events:
            known.commands.add(self.metadata.message_id)
            known.state, known.version = state, version
            await self._take_snapshot(known)
        self.log.states.keep(self.stream, self.decider, known)
        return Executed(state, events, version, repeated=False)

    async def _earlier(self, recorded: Sequence[Recorded]) -> Executed[S, E]:
        """What this command did when it was here before."""
        own = [one for one in recorded if one.metadata.causation_id == self.metadata.message_id]
        own = own or await self.log.caused_by(self.stream, self.metadata.message_id)
        version = own[-1].version
        past = [one for one in await self.log.read(self.stream) if one.version <= version]
        state = self.decider.fold(self.decider.initial, _events(self.decider, past))
        return Executed(state, _events(self.decider, own), version, repeated=True)

    async def _take_snapshot(self, known: Known[S]) -> None:
        codec = self.decider.snapshots
        if codec is None or known.version - known.snapshot_version < codec.every:
            return
        try:
            await self.log.save_snapshot(self.stream, known.version, _topic(codec), codec.encode(known.state))
        except Unavailable as error:
            # The events are stored; a later command takes the snapshot.
            logger.warning("no snapshot of %s: %s", self.stream, error)
        else:
            known.snapshot_version = known.version


async def _read[S, C, E](log: EventLog, decider: Decider[S, C, E], stream: str) -> tuple[Known[S], list[Recorded]]:
    state, after = decider.initial, 0
    if (codec := decider.snapshots) is not None:
        snapshot = await log.load_snapshot(stream, _topic(codec))
        if snapshot is not None:
            state, after = codec.decode(snapshot.state), snapshot.originator_version
    recorded = await log.read(stream, after)
    state = decider.fold(state, _events(decider, recorded))
    commands = {one.metadata.causation_id for one in recorded if one.metadata.causation_id is not None}
    return Known(state, after + len(recorded), after, after, commands), recorded


def _events[S, C, E](decider: Decider[S, C, E], recorded: Sequence[Recorded]) -> tuple[E, ...]:
    # A stream holds the events of its own decider only.
    return cast("tuple[E, ...]", tuple(one.event for one in recorded))


def _topic[S](codec: SnapshotCodec[S]) -> str:
    return f"state_v{codec.version}"
