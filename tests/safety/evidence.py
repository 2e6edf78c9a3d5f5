"""The events of all orders, read from the public event stream: what happened to each, and on whose word."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nats
from contracts import naming
from hummingbus.doctor.installation import OPERATOR, Installation
from hummingbus.settings import StackSettings
from nats.aio.client import Client as NATS  # noqa: N814 - its name in its documentation
from nats.errors import Error as NatsError
from nats.js.api import AckPolicy, ConsumerConfig

from tests.stack import Stack

BATCH = 500
CONTEXT, NOUN = "trading", "order"


@dataclass(frozen=True)
class Happened:
    """One event of an order."""

    name: str
    fields: dict[str, Any]


async def order_events(stack: Stack) -> dict[str, dict[int, Happened]]:
    """By order id, its events by version, from the stream's start to its end. Raises OSError while the bus is away."""
    url = Installation.read(StackSettings(home=Path(stack.home))).nats_url()
    if url is None:
        raise OSError("the stack is down")
    prefix = naming.inbox_prefix(OPERATOR).encode()
    try:
        client = await nats.connect(url, inbox_prefix=prefix, allow_reconnect=False)
        try:
            return await _read(client)
        finally:
            await client.close()
    except NatsError as error:
        raise OSError(f"the bus: {error!r}") from error


async def _read(client: NATS) -> dict[str, dict[int, Happened]]:
    subscription = await client.jetstream().pull_subscribe(
        naming.noun_events(CONTEXT, NOUN),
        stream=naming.event_stream(CONTEXT),
        config=ConsumerConfig(ack_policy=AckPolicy.NONE),
    )
    found: dict[str, dict[int, Happened]] = defaultdict(dict)
    left = (await subscription.consumer_info()).num_pending or 0
    while left:
        for message in await subscription.fetch(min(left, BATCH), timeout=15):
            headers = message.headers or {}
            order_id = naming.aggregate_id(headers[naming.HEADER_STREAM_ID])
            happened = Happened(headers[naming.HEADER_TYPE], json.loads(message.data))
            found[order_id][int(headers[naming.HEADER_VERSION])] = happened
            left -= 1
    return dict(found)
