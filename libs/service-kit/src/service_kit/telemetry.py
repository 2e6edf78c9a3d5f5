"""JSON logs and W3C trace context. Payloads, settings and secrets are never logged; user and password in a URL are masked."""

from __future__ import annotations

import json
import logging
import re
import sys
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
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

    @contextmanager
    def span(
        self, name: str, kind: SpanKind, parent: str | None, attributes: Mapping[str, str] | None = None
    ) -> Generator[Span]:
        """A span under `parent` (a traceparent), or under the current span when there is no parent."""
        under = context.get_current() if parent is None else _PROPAGATOR.extract({naming.HEADER_TRACEPARENT: parent})
        if not self.exporting:
            with trace.use_span(_unseen(under), record_exception=False, set_status_on_exception=False) as span:
                yield span
            return
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


def _unseen(under: context.Context) -> Span:
    """A span nobody will see: it has the ids that logs and answers name and callers pass on, and costs little."""
    parent = trace.get_current_span(under).get_span_context()
    if not parent.is_valid:
        return NonRecordingSpan(SpanContext(_IDS.generate_trace_id(), _IDS.generate_span_id(), False, _SAMPLED))
    return NonRecordingSpan(SpanContext(parent.trace_id, _IDS.generate_span_id(), False, parent.trace_flags))


def mark_failed(span: Span, reason: str) -> None:
    """Colour a span as failed; `reason` holds no payload."""
    span.set_status(Status(StatusCode.ERROR, reason))
