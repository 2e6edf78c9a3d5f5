"""Writing events of the context `accounts`, and reading what its stream holds."""

from __future__ import annotations

from collections.abc import Iterable

from contracts import naming
from contracts.accounts import AccountCreated
from contracts.message import Metadata
from eventlog.log import EventLog
from eventlog.statements import Write
from nats.aio.msg import Msg
from nats.js.errors import NotFoundError
from service_kit.bus import Bus
from service_kit.received import Received
from sqlalchemy import Column, Integer, MetaData, Table, Text

STREAM = naming.event_stream("accounts")


async def create_accounts(log: EventLog, *names: str) -> None:
    """Append one AccountCreated to each account's own stream."""
    for name in names:
        stream = naming.stream_id("accounts", "account", name)
        await log.append(stream, 0, [AccountCreated(account=name)], Metadata())


async def published(bus: Bus) -> list[Msg]:
    """All messages of the stream, in order."""
    jetstream = bus.jetstream
    try:
        state = (await jetstream.stream_info(STREAM)).state
    except NotFoundError:
        return []
    if not state.messages:
        return []
    return [await jetstream.get_msg(STREAM, seq=seq) for seq in range(state.first_seq, state.last_seq + 1)]


async def published_names(bus: Bus) -> list[str]:
    """The accounts on the stream, in order."""
    return [AccountCreated.model_validate_json(message.data or b"").account for message in await published(bus)]


class NamesView:
    """A foreign view that counts how often each event was applied, in which order."""

    name = "names"
    context = "accounts"
    subjects = (naming.noun_events("accounts", "account"),)
    metadata = MetaData()
    table = Table("names", metadata, Column("place", Integer, primary_key=True, autoincrement=True), Column("name", Text))

    def project(self, received: Received) -> Iterable[Write]:
        """One row an event."""
        assert isinstance(received.event, AccountCreated)
        if received.event.account == "poison":
            raise ZeroDivisionError
        yield Write("insert into names (name) values ($1)", (received.event.account,))


async def applied(log: EventLog) -> list[str]:
    """What NamesView applied, in order."""
    return [row["name"] for row in await log.fetch("select name from names order by place")]
