"""The AsyncAPI 3 document of a service: its command subscribers, and what it answers, consumes and publishes besides."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from contracts import naming
from contracts.message import Command, Event, Message, Query
from faststream.nats import NatsBroker
from faststream.specification import AsyncAPI

from service_kit.received import consumed_events


class Document:
    """Collects what a service does outside of FastStream; those subscribers are typed but never started."""

    def __init__(self, service: str, version: str) -> None:
        """No I/O."""
        self._service = service
        self._version = version
        self._broker = NatsBroker(apply_types=False, logger=None)
        self._seen: set[str] = set()

    def query(self, query: type[Query]) -> None:
        """The service answers this query."""
        self._receives(query, naming.query_subject(query), "")

    def session_command(self, command: type[Command]) -> None:
        """The service serves this command on the subjects of the sessions it holds."""
        # The placeholders are no tokens, so the subject is made from tokens and then rewritten.
        subject = naming.session_command_subject("account", "connector", command)
        self._receives(command, subject.replace(".account.connector.", ".{account}.{connector}."), "")

    def consumes(self, purpose: str, context: str, subjects: Sequence[str]) -> None:
        """The service consumes these events of a context for a purpose."""
        for event in consumed_events(context, subjects):
            self._receives(event, _event_address(event), f" ({purpose})")

    def publishes(self, events: Sequence[type[Event]]) -> None:
        """The relay publishes these events."""
        for event in events:
            title = event.__name__
            self._broker.publisher(_event_address(event), title=f"{title} (published)", description=event.__doc__, schema=event)

    def build(self, commands: NatsBroker) -> dict[str, Any]:
        """The document, without connecting."""
        specification = AsyncAPI(commands, self._broker, title=self._service, version=self._version, schema_version="3.0.0")
        document: dict[str, Any] = json.loads(specification.to_specification().to_json())
        return document

    def _receives(self, message: type[Message], subject: str, purpose: str) -> None:
        title = f"{message.__name__}{purpose}"
        if title in self._seen:
            return
        self._seen.add(title)

        async def endpoint(message: Message) -> None:
            """Never called: these subjects are served without FastStream."""

        endpoint.__name__ = message.__name__
        endpoint.__annotations__ = {"message": message, "return": None}
        subscriber = self._broker.subscriber(
            subject, queue=naming.queue_group(self._service), title=title, description=message.__doc__
        )
        subscriber(endpoint)


def _event_address(event: type[Event]) -> str:
    sample = naming.event_subject(naming.stream_id(event.context, event.noun, "id"), event.__name__)
    return sample.replace(".id.", ".{id}.")
