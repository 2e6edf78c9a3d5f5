"""From a message on the wire to the answer: parse, handle, and turn every outcome into an HTTP status with its JSON."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Mapping

from contracts import naming
from contracts.message import Message, Metadata
from contracts.rejections import Rejection, Unavailable
from opentelemetry.trace import Span, SpanKind

from service_kit.observation import OK, Observation
from service_kit.supervisor import Crash, guarded
from service_kit.telemetry import Tracing, current_trace_id, mark_failed, traceparent
from service_kit.wire import Answer, failed, parse, read_metadata, refused, unavailable

logger = logging.getLogger(__name__)


class Dispatcher:
    """Answers messages with a handler. It always answers: refusals 4xx, Unavailable 503, anything else 500 with a trace id."""

    def __init__(self, tracing: Tracing, observation: Observation | None = None) -> None:
        self._tracing = tracing
        self._observation = observation or Observation(tracing)

    async def answer[M: Message](
        self, message: type[M], handler: Callable[[M, Metadata], Awaitable[bytes]], payload: bytes, headers: Mapping[str, str]
    ) -> Answer:
        """The answer to one message; `handler` gives the final JSON. The handler's metadata carries the handling's own span."""
        began = time.perf_counter()
        name = message.__name__
        parent = headers.get(naming.HEADER_TRACEPARENT) or None
        with self._tracing.span(name, SpanKind.SERVER, parent) as span:

            async def handle() -> bytes:
                metadata = read_metadata(headers).model_copy(update={"traceparent": traceparent()})
                return await handler(parse(message, payload), metadata)

            outcome = await guarded(handle())
            seconds = time.perf_counter() - began
            if not isinstance(outcome, Crash):
                self._observation.handled(message, OK, seconds)
                return Answer(200, outcome)
            self._observation.handled(message, _code(outcome.error), seconds, refused=isinstance(outcome.error, Rejection))
            return self._refuse(name, outcome.error, span)

    def _refuse(self, name: str, error: Exception, span: Span) -> Answer:
        mark_failed(span, type(error).__name__)
        fields = {"message_type": name}
        if isinstance(error, Rejection):
            logger.info("%s refused: %s", name, error.code, extra=fields)
            return refused(error)
        if isinstance(error, Unavailable):
            logger.warning("%s unavailable: %s", name, error.detail, extra=fields)
            return unavailable(error)
        logger.error("%s failed", name, exc_info=error, extra=fields)
        return failed(current_trace_id())


def _code(error: Exception) -> str:
    """The outcome of a message that failed; the class of a bug is in the log."""
    if isinstance(error, Rejection):
        return error.code
    return Unavailable.__name__ if isinstance(error, Unavailable) else "InternalError"
