"""JSON logs and W3C trace context. Payloads, settings and secrets are never logged; user and password in a URL are masked."""

from __future__ import annotations

import json
import logging
import re
import sys
import time
from collections.abc import Generator, Mapping
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from typing import Any

from contracts import naming
from opentelemetry import context, trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.trace import NonRecordingSpan, Span, SpanContext, SpanKind, Status, StatusCode, TraceFlags
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

_CREDENTIALS = re.compile(r"://[^/@\s]+@")
_OWN_ATTRIBUTES = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})")
_PROPAGATOR = TraceContextTextMapPropagator()
_IDS = RandomIdGenerator()
_SAMPLED = TraceFlags(TraceFlags.SAMPLED)
_NOISY = {
    "nats.aio.client": logging.CRITICAL,
    "uvicorn": logging.WARNING,
    "faststream": logging.WARNING,
    "httpx": logging.WARNING,
}


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, service, replica, logger, message, trace_id, span_id, fields, exception."""

    def __init__(self, service: str, replica: str) -> None:
        super().__init__()
        self._service = service
        self._replica = replica

    def format(self, record: logging.LogRecord) -> str:
        """The line for `record`; what was passed as `extra` is under `fields`."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "service": self._service,
            "replica": self._replica,
            "logger": record.name,
            "message": record.getMessage(),
        }
        span = trace.get_current_span().get_span_context()
        if span.is_valid:
            line["trace_id"] = trace.format_trace_id(span.trace_id)
            line["span_id"] = trace.format_span_id(span.span_id)
        fields = {key: value for key, value in vars(record).items() if key not in _OWN_ATTRIBUTES}
        if fields:
            line["fields"] = fields
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return _CREDENTIALS.sub("://***@", json.dumps(line, default=str, ensure_ascii=False))


def configure_logs(service: str, replica: str, level: str) -> None:
    """Send all logs of this process to stdout as JSON lines."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonFormatter(service, replica))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for name, quiet in _NOISY.items():
        logging.getLogger(name).setLevel(quiet)


def traceparent() -> str | None:
    """The W3C trace context of the current span, or None outside of one."""
    span = trace.get_current_span().get_span_context()
    return f"00-{span.trace_id:032x}-{span.span_id:016x}-{span.trace_flags:02x}" if span.is_valid else None


def current_trace_id() -> str:
    """The id of the current trace as 32 hexadecimal digits (zeros outside of one)."""
    return trace.format_trace_id(trace.get_current_span().get_span_context().trace_id)


class Tracing:
    """The tracer of one service. Spans are exported by OTLP over HTTP only when an endpoint is configured."""

    def __init__(self, service: str, *, version: str = "0", replica: str = "", endpoint: str | None = None) -> None:
        resource = Resource({"service.name": service, "service.version": version, "service.instance.id": replica})
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self.exporting = endpoint is not None
        """Whether anyone will see the spans."""
        if endpoint is not None:
            # Imported here: the exporter brings an HTTP client that most processes never use.
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

            exporter = OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces")
            self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("service_kit")

    def span(
        self, name: str, kind: SpanKind, parent: str | None, attributes: Mapping[str, str] | None = None
    ) -> AbstractContextManager[Span]:
        """A span under `parent` (a traceparent), or under the current span when there is no parent."""
        return self._seen(name, kind, parent, attributes) if self.exporting else _Unseen(parent)

    @contextmanager
    def _seen(self, name: str, kind: SpanKind, parent: str | None, attributes: Mapping[str, str] | None) -> Generator[Span]:
        under = context.get_current() if parent is None else _PROPAGATOR.extract({naming.HEADER_TRACEPARENT: parent})
        with self._tracer.start_as_current_span(
            name, under, kind, attributes, record_exception=False, set_status_on_exception=False
        ) as span:
            yield span

    def done(self, name: str, kind: SpanKind, parent: str, seconds: float, attributes: Mapping[str, str] | None = None) -> None:
        """A span under `parent` of work that took the last `seconds`; nothing when no one will see it."""
        if not self.exporting:
            return
        ended = time.time_ns()
        began = ended - int(seconds * 1_000_000_000)
        under = _PROPAGATOR.extract({naming.HEADER_TRACEPARENT: parent})
        self._tracer.start_span(name, under, kind, attributes, start_time=began).end(ended)

    def stop(self) -> None:
        """Send what is queued; blocks for at most a few seconds, so call it in a thread."""
        self._provider.shutdown()


class _Unseen(AbstractContextManager[Span]):
    """A span nobody will see: it has the ids that logs and answers name and callers pass on, and costs a tenth of one."""

    __slots__ = ("_parent", "_token")

    def __init__(self, parent: str | None) -> None:
        self._parent = parent

    def __enter__(self) -> Span:
        trace_id, flags = self._trace()
        span = NonRecordingSpan(SpanContext(trace_id, _IDS.generate_span_id(), False, flags))
        self._token = context.attach(trace.set_span_in_context(span))
        return span

    def __exit__(self, *_: object) -> None:
        context.detach(self._token)

    def _trace(self) -> tuple[int, TraceFlags]:
        """The trace's id and flags: the parent's, or those of a new trace."""
        if self._parent is None:
            current = trace.get_current_span().get_span_context()
            if current.is_valid:
                return current.trace_id, current.trace_flags
        elif (found := _TRACEPARENT.fullmatch(self._parent)) is not None:
            return int(found[1], 16), TraceFlags(int(found[2], 16))
        return _IDS.generate_trace_id(), _SAMPLED


def mark_failed(span: Span, reason: str) -> None:
    """Colour a span as failed; `reason` holds no payload."""
    span.set_status(Status(StatusCode.ERROR, reason))
