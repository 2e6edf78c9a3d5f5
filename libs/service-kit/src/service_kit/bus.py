"""The connection to NATS and the asking side of commands and queries.

Requests go through nats-py directly; the answering side is in `commands` and `queries`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from contracts import naming
from contracts.message import Command, Message, Metadata, Query, Reply
from contracts.registry import rejections, unavailables
from contracts.rejections import CommandUnreadable, CursorInvalid, Kind, Rejection, Unavailable
from nats.aio.client import Client
from nats.aio.subscription import Subscription
from nats.errors import Error as NatsError
from nats.errors import NoRespondersError
from nats.js import JetStreamContext
from opentelemetry.trace import SpanKind

from service_kit import supervisor
from service_kit.telemetry import Tracing, traceparent
from service_kit.wire import metadata_headers

logger = logging.getLogger(__name__)

NATS_AWAY = (NatsError, OSError, TimeoutError)
"""What nats-py raises while the server cannot be reached or does not answer in time."""

_CODES: dict[str, type[Rejection]] = {
    **rejections(),
    CommandUnreadable.__name__: CommandUnreadable,
    CursorInvalid.__name__: CursorInvalid,
}

_UNAVAILABLE = unavailables()


class NoResponders(Unavailable):
    """Nobody serves this subject now: nothing was done."""


class NoAnswer(Unavailable):
    """No answer in time: a command may have been executed; ask, or send it again with the same message id."""


class InternalError(Exception):
    """The other service has a bug; its log has the traceback under `trace_id`."""

    def __init__(self, detail: str, trace_id: str | None) -> None:
        super().__init__(f"{detail} (trace {trace_id})")
        self.detail = detail
        self.trace_id = trace_id


class Refused(Rejection):
    """A refusal whose class this process does not know (a newer service): code and status as they came."""

    def __init__(
        self, detail: str, *, status: int, code: str, field: str | None = None, retry_after: int | None = None
    ) -> None:
        super().__init__(detail, field=field, retry_after=retry_after)
        self._status = status
        self._code = code

    kind = Kind.INVALID

    @property
    def code(self) -> str:
        """The name of the class at the other side."""
        return self._code

    @property
    def status(self) -> int:
        """The status at the other side."""
        return self._status


@dataclass(frozen=True, slots=True)
class Response:
    """A raw answer: HTTP status, final JSON, seconds to wait before asking again, and how long to keep it (`copies`)."""

    status: int
    body: bytes
    retry_after: int | None = None
    keep: str | None = None


class _Client(Client):
    """nats-py's client, whose reader survives a flush that was cancelled or took too long.

    The PONG of such a flush comes for a future that is done; nats-py would set it again and end its reader with that error,
    so that every request timed out until the stale connection is noticed.
    """

    async def _process_pong(self) -> None:
        if self._pongs and self._pongs[0].done():
            self._pongs[0] = asyncio.get_running_loop().create_future()
        await super()._process_pong()


class Bus:
    """One connection to NATS that never gives up: it reconnects for ever, and starts before the server does."""

    def __init__(self, service: str, url: str, tracing: Tracing | None = None, *, replica: str = "") -> None:
        """No I/O. `url` may carry user and password; service and replica are shown in NATS monitoring."""
        self._service = service
        self._name = f"{service}-{replica}" if replica else service
        self._url = url
        self._tracing = tracing or Tracing(service)
        self._client = _Client()
        self._reconnected: list[Callable[[], None]] = []
        self._stopping = False
        self.epoch = 0
        """How many times the connection was made anew; pulls in flight belong to one epoch."""

    @property
    def client(self) -> Client:
        """The nats-py client."""
        return self._client

    @property
    def jetstream(self) -> JetStreamContext:
        """A JetStream context of this connection, with calls timing out after 5 seconds."""
        return self._client.jetstream(timeout=5)

    @property
    def connected(self) -> bool:
        """Whether NATS can be reached now."""
        return self._client.is_connected

    def on_reconnect(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call back after each time the connection was made anew. The result ends that."""
        self._reconnected.append(callback)
        return lambda: self._reconnected.remove(callback)

    async def start(self) -> None:
        """Connect, trying until NATS is there."""
        attempt = 0
        while not self._client.is_connected:
            attempt += 1
            try:
                await self._client.connect(
                    self._url,
                    name=self._name,
                    inbox_prefix=naming.inbox_prefix(self._service),
                    max_reconnect_attempts=-1,
                    reconnect_time_wait=1,
                    connect_timeout=5,
                    drain_timeout=3,
                    ping_interval=20,
                    max_outstanding_pings=2,
                    allow_reconnect=True,
                    error_cb=self._on_error,
                    disconnected_cb=self._on_disconnect,
                    reconnected_cb=self._on_reconnect,
                )
            except NATS_AWAY as error:
                logger.warning("NATS cannot be reached: %s", type(error).__name__, extra={"attempt": attempt})
                await asyncio.sleep(supervisor.backoff(attempt, longest=5))

    async def settle(self) -> None:
        """Return when the server has taken all subscriptions and messages so far; without a server, it gets them later."""
        try:
            # Twice: nats-py's PING overtakes what waits for its flusher, so only the second one comes after it.
            await self._client.flush(timeout=2)
            await self._client.flush(timeout=2)
        except NATS_AWAY as error:
            logger.warning("NATS does not confirm: %s", type(error).__name__)

    async def drain(self, subscription: Subscription) -> None:
        """End a subscription so that every message the server sent to it is handled; without a server it just ends."""
        try:
            async with asyncio.timeout(2):
                # nats-py's own drain forgets the subscription before the server has read that it is to end (its PING
                # overtakes, see settle); what came in between would be dropped and its sender wait for an answer in vain.
                await self._client._send_unsubscribe(subscription._id)
                await self.settle()
                await subscription.drain()  # type: ignore[no-untyped-call]
        except NATS_AWAY as error:
            logger.debug("subscription not drained: %s", type(error).__name__)

    async def stop(self) -> None:
        """Send what is buffered and close."""
        self._stopping = True
        if self._client.is_connected:
            await self.settle()
        # Without a server nats-py writes its buffer to a closed transport, which fails in as many ways as there are loops.
        closed = await supervisor.guarded(self._client.close())
        if isinstance(closed, supervisor.Crash):
            logger.info("NATS connection closed without its server: %s", closed.reason)

    async def command[R: Reply](
        self, command: Command, reply: type[R], metadata: Metadata, *, subject: str | None = None, timeout: float = 15
    ) -> R:
        """Send a command and wait for its reply.

        Raises the Rejection the other side raised, Unavailable (also NoResponders, NoAnswer), InternalError.
        """
        at = subject or naming.command_subject(type(command))
        response = await self.request(at, command, metadata, timeout)
        _raise_unless_accepted(response)
        return reply.model_validate_json(response.body)

    async def query(self, query: Query, metadata: Metadata, *, subject: str | None = None, timeout: float = 10) -> bytes:
        """Ask, and get the final JSON. Raises as `command` does."""
        response = await self.request(subject or naming.query_subject(type(query)), query, metadata, timeout)
        _raise_unless_accepted(response)
        return response.body

    async def query_any(self, query: Query, metadata: Metadata, *, timeout: float = 2) -> bytes | None:
        """Ask every replica that serves the query; the first answer that is no refusal, None when there is none in time."""
        inbox = self._client.new_inbox()
        subscription = await self._client.subscribe(inbox)
        subject = naming.query_subject(type(query))
        try:
            async with asyncio.timeout(timeout):
                payload = query.model_dump_json().encode()
                await self._client.publish(subject, payload, reply=inbox, headers=metadata_headers(metadata))
                async for answer in subscription.messages:
                    # NATS itself answers without our header when nobody serves the subject.
                    if int((answer.headers or {}).get(naming.HEADER_STATUS, "503")) < 400:
                        return answer.data
        except NATS_AWAY as error:
            logger.debug("no replica answers %s: %s", subject, type(error).__name__)
        finally:
            with contextlib.suppress(*NATS_AWAY):
                await subscription.unsubscribe()
        return None

    async def request(self, subject: str, message: Message, metadata: Metadata, timeout: float) -> Response:
        """The answer as it came, whatever its status. Raises NoResponders, NoAnswer, Unavailable only."""
        name = type(message).__name__
        if not self._client.is_connected:
            detail = "The message bus cannot be reached"
            raise Unavailable(detail)
        with self._tracing.span(name, SpanKind.CLIENT, metadata.traceparent):
            headers = metadata_headers(metadata)
            headers[naming.HEADER_TRACEPARENT] = traceparent() or ""
            try:
                answer = await self._client.request(subject, message.model_dump_json().encode(), timeout, headers=headers)
            except NoRespondersError as error:
                detail = f"Nobody serves {name} now"
                raise NoResponders(detail) from error
            except NATS_AWAY as error:
                detail = f"No answer to {name} within {timeout:g} s"
                raise NoAnswer(detail) from error
        replied: dict[str, str] = answer.headers or {}
        retry_after = replied.get(naming.HEADER_RETRY_AFTER)
        return Response(
            int(replied.get(naming.HEADER_STATUS, "200")),
            answer.data,
            None if retry_after is None else int(retry_after),
            replied.get(naming.HEADER_KEEP),
        )

    async def _on_error(self, error: Exception) -> None:
        logger.warning("NATS: %s", type(error).__name__, extra={"reason": str(error)})

    async def _on_disconnect(self) -> None:
        if not self._stopping:
            logger.warning("NATS connection lost")

    async def _on_reconnect(self) -> None:
        self.epoch += 1
        logger.info("NATS connection made anew", extra={"epoch": self.epoch})
        for callback in tuple(self._reconnected):
            callback()


def _raise_unless_accepted(response: Response) -> None:
    if response.status < 400:
        return
    problem: dict[str, Any] = json.loads(response.body)
    detail, code, field = problem["detail"], problem["code"], problem.get("field")
    if response.status == 503:
        raise _UNAVAILABLE.get(code, Unavailable)(detail, retry_after=response.retry_after or 2)
    if response.status >= 500:
        raise InternalError(detail, problem.get("trace_id"))
    known = _CODES.get(code)
    if known is not None:
        raise known(detail, field=field, retry_after=response.retry_after)
    raise Refused(detail, status=response.status, code=code, field=field, retry_after=response.retry_after)
