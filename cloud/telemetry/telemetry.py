"""Calls, requests and steps, told to whoever collects them: counted, traced, and named in the log."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from structlog.contextvars import bind_contextvars

from cloud.engine.job import Job
from cloud.engine.observer import Fault, Step
from cloud.identity.authentication import Metadata
from cloud.telemetry.metrics import Metrics
from cloud.telemetry.requests import RequestRecord
from cloud.telemetry.statuses import OK, status_name
from cloud.telemetry.timeline import Timeline
from cloud.telemetry.tracing import Traces, trace_id_of
from cloud.telemetry.watchdog import Watchdog
from protos.trace_context import CURRENT, HEADER, TraceParent


class Telemetry:
    """A StepObserver too. Belongs to the event loop."""

    def __init__(self, metrics: Metrics, watchdog: Watchdog, traces: Traces | None = None) -> None:
        self.metrics, self.watchdog, self._traces = metrics, watchdog, traces
        self._timelines: dict[Job, Timeline] = {}  # of jobs that are traced

    @contextmanager
    def call(self, method: str, metadata: Metadata) -> Iterator[None]:
        """Around a call: what is logged within names the caller's trace."""
        sent = next((value for name, value in metadata if name == HEADER), "")
        parent = TraceParent.parse(sent) if isinstance(sent, str) else None
        CURRENT.set(parent)
        if parent:
            bind_contextvars(trace_id=parent.trace_id)
        status = OK
        try:
            yield
        except BaseException as error:
            status = status_name(error)
            raise
        finally:
            self.metrics.called(method, status)

    @contextmanager
    def request(self, record: RequestRecord) -> Iterator[RequestRecord]:
        """Around a request of a call: what is logged from now on in its task names it."""
        span = self._traces.begin("request", CURRENT.get()) if self._traces else None
        if record.identity:
            bind_contextvars(request_id=record.identity)
        if span:
            bind_contextvars(trace_id=trace_id_of(span))
        status = OK
        try:
            yield record
        except BaseException as error:
            status = status_name(error)
            raise
        finally:
            self.metrics.requested(record.labels, status, record.size)
            timeline = self._timelines.pop(record.job, None) if record.job else None
            if span and self._traces:
                intervals = timeline.intervals(record.job) if timeline and record.job else []
                self._traces.end(span, record.attributes(), intervals, status)

    def admitted(self, record: RequestRecord, job: Job) -> None:
        """A request has become a job."""
        record.admitted(job)
        if self._traces:
            self._timelines[job] = Timeline()

    @contextmanager
    def step(self, step: Step, jobs: Sequence[Job]) -> Iterator[None]:
        """As StepObserver has it."""
        began = time.monotonic()
        try:
            with self.watchdog.step():
                yield
        finally:
            ended = time.monotonic()
            self.metrics.stepped(step, len(jobs), ended - began)
            for job in jobs:
                if timeline := self._timelines.get(job):
                    timeline.add(step, began, ended)
                if job.answered:
                    self.metrics.answered(job.stages)

    def faulted(self, step: Step, fault: Fault) -> None:
        """As StepObserver has it."""
        self.metrics.faulted(step, fault)

    async def close(self) -> None:
        """Send what was collected and not sent yet."""
        if self._traces:
            await self._traces.close()
