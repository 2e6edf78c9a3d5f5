"""A command's way through its aggregate: read, fold, decide, append."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast
from weakref import WeakKeyDictionary, WeakValueDictionary

from contracts.message import Command, Event, Metadata
from contracts.rejections import Rejection, Unavailable

from eventlog.decider import Decider, SnapshotCodec
from eventlog.errors import VersionConflict
from eventlog.log import EventLog
from eventlog.recorded import Fence, Recorded
from eventlog.statements import Write

logger = logging.getLogger(__name__)

ATTEMPTS = 10
LONGEST_PAUSE_SECONDS = 0.1

# Commands of one process for one stream take turns: side by side, all but one would be decided again.
_turns: WeakKeyDictionary[EventLog, WeakValueDictionary[str, asyncio.Lock]] = WeakKeyDictionary()


@dataclass(frozen=True)
class Executed[S, E]:
    """What a command led to: its events (none when nothing changed), and state and version right after them.

    `repeated`: the command had been executed before; this is the outcome it had then.
    """

    state: S
    events: tuple[E, ...]
    version: int
    repeated: bool


@dataclass(frozen=True, slots=True)
class Known[S]:
    """What a caller believes a stream to hold: the state after `version` events; version 0 for a new stream."""

    state: S
    version: int


@dataclass(frozen=True)
class _Loaded[S]:
    state: S
    version: int
    snapshot_version: int
    recorded: list[Recorded]


async def execute[S, C: Command, E: Event](
    log: EventLog,
    decider: Decider[S, C, E],
    stream: str,
    command: C,
    metadata: Metadata,
    *,
    fence: Fence | None = None,
    writes: Callable[[S, Sequence[E]], Sequence[Write]] | None = None,
    known: Callable[[], Known[S] | None] | None = None,
) -> Executed[S, E]:
    """Decide on a command and store its events; the same `metadata.message_id` again gives the same outcome.

    `writes` makes further writes of the append out of the new state and the new events. `known` saves reading the stream: it
    is asked once the command has its turn, and events decided on it are stored only if the stream is at its version; a refusal
    is decided again on the stream itself. Only who alone writes a stream may give it: a command that changes nothing of the
    known state is not compared with the stream.

    Raises the decider's Rejection, Fenced, and Unavailable (the outcome may be unknown; executing the same command again is
    safe).
    """
    async with _turn(log, stream):
        if known is not None and (believed := known()) is not None:
            # Refused or not, the stream may tell that the command was accepted before.
            with contextlib.suppress(Rejection, VersionConflict):
                return await _store(log, decider, stream, command, metadata, _unread(believed), fence, writes)
        for attempt in range(ATTEMPTS):
            loaded = await _load(log, decider, stream)
            if repeated := await _earlier(log, decider, stream, metadata, loaded):
                return repeated
            try:
                return await _store(log, decider, stream, command, metadata, loaded, fence, writes)
            except VersionConflict:
                await asyncio.sleep(min(0.001 * 2**attempt, LONGEST_PAUSE_SECONDS))
    msg = f"{stream} is written by too many at once"
    raise Unavailable(msg, retry_after=1)


async def _store[S, C: Command, E: Event](
    log: EventLog,
    decider: Decider[S, C, E],
    stream: str,
    command: C,
    metadata: Metadata,
    loaded: _Loaded[S],
    fence: Fence | None,
    writes: Callable[[S, Sequence[E]], Sequence[Write]] | None,
) -> Executed[S, E]:
    """Decide on what is loaded and append. Raises as `execute`, and VersionConflict when the stream is not at that version."""
    events = tuple(decider.decide(loaded.state, command))
    state = decider.fold(loaded.state, events)
    further = writes(state, events) if writes is not None else ()
    if not events and not further:
        return Executed(state, (), loaded.version, repeated=False)
    await log.append(stream, loaded.version, events, metadata, writes=further, fence=fence)
    version = loaded.version + len(events)
    await _take_snapshot(log, decider.snapshots, stream, state, version, loaded.snapshot_version)
    return Executed(state, events, version, repeated=False)


async def load[S, C, E](log: EventLog, decider: Decider[S, C, E], stream: str) -> tuple[S, int]:
    """The state of a stream and its version, without a command."""
    loaded = await _load(log, decider, stream)
    return loaded.state, loaded.version


async def _load[S, C, E](log: EventLog, decider: Decider[S, C, E], stream: str) -> _Loaded[S]:
    state, after = decider.initial, 0
    if (codec := decider.snapshots) is not None:
        snapshot = await log.load_snapshot(stream, _topic(codec))
        if snapshot is not None:
            state, after = codec.decode(snapshot.state), snapshot.originator_version
    recorded = await log.read(stream, after)
    state = decider.fold(state, _events(decider, recorded))
    return _Loaded(state, after + len(recorded), after, recorded)


def _unread[S](known: Known[S]) -> _Loaded[S]:
    return _Loaded(known.state, known.version, known.version, [])


async def _earlier[S, C, E](
    log: EventLog, decider: Decider[S, C, E], stream: str, metadata: Metadata, loaded: _Loaded[S]
) -> Executed[S, E] | None:
    """What this command did before, if it was here before."""
    own = [one for one in loaded.recorded if one.metadata.causation_id == metadata.message_id]
    if not own and loaded.snapshot_version:
        own = await log.caused_by(stream, metadata.message_id)
    if not own:
        return None
    version = own[-1].version
    past = [one for one in await log.read(stream) if one.version <= version]
    state = decider.fold(decider.initial, _events(decider, past))
    return Executed(state, _events(decider, own), version, repeated=True)


async def _take_snapshot[S](
    log: EventLog, codec: SnapshotCodec[S] | None, stream: str, state: S, version: int, before: int
) -> None:
    if codec is None or version - before < codec.every:
        return
    try:
        await log.save_snapshot(stream, version, _topic(codec), codec.encode(state))
    except Unavailable as error:
        # The events are stored; a later command takes the snapshot.
        logger.warning("no snapshot of %s: %s", stream, error)


def _events[S, C, E](decider: Decider[S, C, E], recorded: Sequence[Recorded]) -> tuple[E, ...]:
    # A stream holds the events of its own decider only.
    return cast("tuple[E, ...]", tuple(one.event for one in recorded))


def _topic[S](codec: SnapshotCodec[S]) -> str:
    return f"state_v{codec.version}"


def _turn(log: EventLog, stream: str) -> asyncio.Lock:
    turns = _turns.setdefault(log, WeakValueDictionary())
    return turns.setdefault(stream, asyncio.Lock())
