"""What the bus is like, seen from outside: for an operator's command, not for services."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

import nats
from contracts import naming
from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.js import JetStreamContext

from service_kit.received import feed_place

BEGINNING = (0, 0)
API = "$JS.API"


class BusUnreachable(Exception):
    """NATS did not answer, or refused the login; the text says which."""


@dataclass(frozen=True, slots=True)
class StreamState:
    """One stream. `place` is the (transaction, position) of its last event; `BEGINNING` when it holds none."""

    name: str
    messages: int
    place: tuple[int, int] = BEGINNING


@dataclass(frozen=True, slots=True)
class BusState:
    """One server: `jetstream` tells whether it is enabled, `time` is the server's clock (None when it did not tell)."""

    version: str
    jetstream: bool
    time: datetime | None = None
    streams: dict[str, StreamState] = field(default_factory=dict)


async def inspect_bus(url: str, login: str, contexts: Sequence[str], timeout: float = 5) -> BusState:
    """Connect once, look, and leave. Contexts without a stream are missing in `streams`. Raises BusUnreachable."""
    complaints: list[str] = []

    async def complain(error: Exception) -> None:
        complaints.append(f"{type(error).__name__} {error}".strip())

    prefix = naming.inbox_prefix(login).encode()
    try:
        async with asyncio.timeout(timeout):
            client = await nats.connect(
                url, inbox_prefix=prefix, allow_reconnect=False, max_reconnect_attempts=1, reconnect_time_wait=0.1,
                error_cb=complain, name="hummingbus-doctor",
            )  # fmt: skip
    except (NatsError, OSError, TimeoutError) as error:
        raise BusUnreachable(complaints[0] if complaints else f"{type(error).__name__} {error}".strip()) from error
    try:
        version = str(client.connected_server_version).strip("<>").removeprefix("nats server v")
        jetstream = client.jetstream(timeout=timeout)
        try:
            await jetstream.account_info()
        except (NatsError, TimeoutError):
            return BusState(version, jetstream=False)
        answers = [await _stream(jetstream, client, naming.event_stream(context), timeout) for context in contexts]
        streams = {state.name: state for state, _ in answers if state is not None}
        return BusState(version, True, max((time for _, time in answers if time is not None), default=None), streams)
    except (NatsError, OSError, TimeoutError) as error:
        raise BusUnreachable(f"{type(error).__name__} {error}".strip()) from error
    finally:
        await client.close()


async def _stream(
    jetstream: JetStreamContext, client: Client, name: str, timeout: float
) -> tuple[StreamState | None, datetime | None]:
    """The stream, if there is one, and the server's time; asked without nats-py's classes, which leave the time out."""
    answer = json.loads((await client.request(f"{API}.STREAM.INFO.{name}", timeout=timeout)).data)
    if "error" in answer:
        return None, None
    time, state = datetime.fromisoformat(answer["ts"]), answer["state"]
    if not state["messages"]:
        return StreamState(name, 0), time
    last = await jetstream.get_msg(name, seq=state["last_seq"])
    return StreamState(name, state["messages"], feed_place(last.headers or {})), time
