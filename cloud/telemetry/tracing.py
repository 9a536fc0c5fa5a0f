"""Spans of requests, for a collector that speaks OTLP over HTTP: below the device's, where it sent one."""

import asyncio
import time
from collections.abc import Mapping
from urllib.parse import urlsplit

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import NonRecordingSpan, Span, SpanContext, SpanKind, Status, StatusCode, TraceFlags

from cloud.telemetry.statuses import OK
from cloud.telemetry.timeline import Interval
from protos.trace_context import TraceParent

_SERVICE, _PATH = "isthmus-cloud", "/v1/traces"
_EXPORT_SECONDS = 5

Attributes = Mapping[str, str | int]


class Traces:
    """Collects spans, and sends them from a thread of its own. What a collector does not take is dropped."""

    def __init__(self, url: str, version: str) -> None:
        """`url`: the collector's; without a path OTLP's own is meant."""
        endpoint = url if urlsplit(url).path.strip("/") else url.rstrip("/") + _PATH
        resource = Resource.create({SERVICE_NAME: _SERVICE, SERVICE_VERSION: version})
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        exporter = OTLPSpanExporter(endpoint=endpoint, timeout=_EXPORT_SECONDS)
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer(_SERVICE)

    def begin(self, name: str, parent: TraceParent | None) -> Span:
        """The span of a request."""
        return self._tracer.start_span(name, context=parent and _context(parent), kind=SpanKind.SERVER)

    def end(self, span: Span, attributes: Attributes, intervals: list[Interval], status: str) -> None:
        """End it, with spans below it for what happened in it. `status`: the name of gRPC's."""
        span.set_attributes(dict(attributes))
        if status != OK:
            span.set_status(Status(StatusCode.ERROR, status))
        above, offset = trace.set_span_in_context(span), time.time() - time.monotonic()
        for one in intervals:
            began, ended = (int((instant + offset) * 1e9) for instant in (one.began, one.ended))
            self._tracer.start_span(one.name, context=above, start_time=began).end(ended)
        span.end()

    async def close(self) -> None:
        """Send what is left."""
        await asyncio.to_thread(self._provider.shutdown)


def trace_id_of(span: Span) -> str:
    """In hexadecimal."""
    return f"{span.get_span_context().trace_id:032x}"


def _context(parent: TraceParent) -> Context:
    flags = TraceFlags(TraceFlags.SAMPLED if parent.sampled else TraceFlags.DEFAULT)
    above = SpanContext(int(parent.trace_id, 16), int(parent.span_id, 16), is_remote=True, trace_flags=flags)
    return trace.set_span_in_context(NonRecordingSpan(above))
