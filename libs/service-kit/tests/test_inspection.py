"""An operator's look at a real server."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import nats
import pytest
from contracts import naming
from service_kit.inspection import BEGINNING, BusUnreachable, StreamState, inspect_bus


async def test_it_tells_streams_their_ends_and_the_time(nats_url: str) -> None:
    client = await nats.connect(nats_url)
    jetstream = client.jetstream()
    stream = naming.event_stream("accounts")
    await jetstream.add_stream(name=stream, subjects=[naming.event_stream_subjects("accounts")])
    await jetstream.add_stream(name=naming.event_stream("empty"), subjects=[naming.event_stream_subjects("empty")])
    subject = naming.event_subject("accounts.account-a", "AccountCreated")
    await jetstream.publish(subject, b"{}", headers={naming.HEADER_TRANSACTION: "70", naming.HEADER_POSITION: "9"})
    await client.close()
    state = await inspect_bus(nats_url, "operator", ("accounts", "empty", "missing"))
    assert state.jetstream
    assert state.version[0].isdigit()
    assert state.streams[stream] == StreamState(stream, 1, (70, 9))
    assert state.streams[naming.event_stream("empty")].place == BEGINNING
    assert len(state.streams) == 2
    assert state.time is not None
    assert abs(datetime.now(UTC) - state.time) < timedelta(minutes=1)


async def test_a_server_that_is_not_there(unused_tcp_port: int) -> None:
    with pytest.raises(BusUnreachable, match=r"refused|Refused|Servers|Connect"):
        await inspect_bus(f"nats://127.0.0.1:{unused_tcp_port}", "operator", ())
