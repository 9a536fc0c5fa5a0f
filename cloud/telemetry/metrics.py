"""`/metrics`: every figure of the service, in one registry of its own. A metric is added here, and nowhere
else.

Labels have few values: bundles that are served, cuts and codecs of their manifests, statuses of gRPC. None
names a tenant, a device or a request.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import product
from typing import NamedTuple, Protocol

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from cloud.engine.observer import FAULTS, STEPS, Fault, Step
from cloud.engine.scheduling.batch_limit import BatchLimit, StepLimits
from protos import inference_pb2 as ip

_PREFIX = "isthmus_cloud"
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
_JOBS = (1, 2, 4, 8, 16, 32, 64, 128)
STAGES = ("decode", "queue", "tail", "first_token", "generate", "total")  # as ip.Stages has them


class RequestLabels(NamedTuple):
    """What a request is counted by. Empty: not known, as of one that was refused at once."""

    bundle: str  # the first digits of its digest
    cut: str
    codec: str
    route: str  # features, picture, cached_frame, texts; unchanged: a frame of a stream that is as before


class CacheCounts(Protocol):
    """A cache, as the metrics see it."""

    @property
    def hits(self) -> int: ...

    @property
    def misses(self) -> int: ...

    @property
    def bytes(self) -> int: ...


class JoinedRuns(Protocol):
    """Runs that answer several requests."""

    @property
    def joined(self) -> int: ...


class EngineLoad(Protocol):
    """How many jobs wait and run, and what a step may have."""

    @property
    def limits(self) -> StepLimits: ...

    def load(self) -> ip.Load: ...


class Metrics:
    """Belongs to the event loop, but for `text`."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._calls = self._counter("calls", "Calls by method and how they ended", "method", "status")
        self._requests = self._counter(
            "requests", "Requests by what they bring and how they ended", *RequestLabels._fields, "status"
        )
        self._received = self._counter("received_bytes", "Requests read")
        self._sent = self._counter("sent_bytes", "Replies written")
        self._tokens = self._counter("tokens", "Tokens generated")
        self._filtered = self._counter("filtered", "What a content filter stopped", "filter", "outcome")
        stages = self._histogram("stage_seconds", "Time of answers by stage", _SECONDS, "stage")
        steps = self._histogram("step_seconds", "Time of the model's steps", _SECONDS, "step")
        batches = self._histogram("batch_jobs", "Jobs side by side in a step", _JOBS, "step")
        self._stages = {stage: stages.labels(stage) for stage in STAGES}
        self._steps = {step: (steps.labels(step), batches.labels(step)) for step in STEPS}
        faults = self._counter("step_faults", "Steps of the model that failed", "step", "fault")
        self._faults = {key: faults.labels(*key) for key in product(STEPS, FAULTS)}
        self.serving = False
        self._gauge("serving", "1 while requests are let in, and the model answers").set_function(
            lambda: self.serving
        )

    def called(self, method: str, status: str) -> None:
        """A call has ended."""
        self._calls.labels(method, status).inc()

    def requested(self, labels: RequestLabels, status: str, size: int) -> None:
        """A request of so many bytes has ended."""
        self._requests.labels(*labels, status).inc()
        self._received.inc(size)

    def answered(self, stages: ip.Stages) -> None:
        """An answer is complete; a stage that it did not pass is not counted."""
        for stage, histogram in self._stages.items():
            if milliseconds := getattr(stages, stage):
                histogram.observe(milliseconds / 1000)

    def stepped(self, step: Step, jobs: int, seconds: float) -> None:
        """The model has made a step; prefill and decode give each job a token."""
        times, batches = self._steps[step]
        times.observe(seconds)
        batches.observe(jobs)
        if step in {"prefill", "decode"}:
            self._tokens.inc(jobs)

    def filtered(self, name: str, outcome: str) -> None:
        """A content filter refused a request, ended an answer, or failed."""
        self._filtered.labels(name, outcome).inc()

    def faulted(self, step: Step, fault: Fault) -> None:
        """Model code raised in a step, or memory ran out."""
        self._faults[step, fault].inc()

    def sent(self, size: int) -> None:
        """So many bytes of replies were written."""
        self._sent.inc(size)

    def serve(self, *, serving: bool) -> None:
        """From now on new requests are let in, and the model answers, or not."""
        self.serving = serving

    def watch_process(self, pid: Callable[[], int], restarts: Callable[[], int]) -> None:
        """Tell processor time and memory of the models' process, and how often it was started anew."""
        ProcessCollector("isthmus_model", pid, registry=self.registry)
        self.registry.register(_Restarted(restarts))

    def watch_engine(self, engine: EngineLoad) -> None:
        """Tell the queue's length and wait, what runs, and what a step may have, when they are asked for."""
        limits = self._gauge("batch_limit", "Jobs, or tokens of prompts, that memory has room for", "step")
        for step in ("encode", "prefill", "decode"):
            limits.labels(step).set_function(partial(_now, getattr(engine.limits, step)))
        self._gauge("waiting", "Requests that wait").set_function(lambda: engine.load().waiting)
        self._gauge("running", "Requests that the model works for").set_function(
            lambda: engine.load().running
        )
        self._gauge("queue_seconds", "Recent mean of what a request waited").set_function(
            lambda: engine.load().queue_milliseconds / 1000
        )

    def watch_caches(self, caches: Mapping[str, CacheCounts]) -> None:
        """Tell hits, misses and bytes of caches, by their names."""
        self.registry.register(_Caches(caches))

    def watch_answers(self, answers: JoinedRuns) -> None:
        """Tell how many requests had a run of another to wait for."""
        self.registry.register(_Joined(answers))

    def text(self) -> bytes:
        """As Prometheus reads it. From any thread."""
        return generate_latest(self.registry)

    def _counter(self, name: str, words: str, *labels: str) -> Counter:
        return Counter(f"{_PREFIX}_{name}", words, labels, registry=self.registry)

    def _gauge(self, name: str, words: str, *labels: str) -> Gauge:
        return Gauge(f"{_PREFIX}_{name}", words, labels, registry=self.registry)

    def _histogram(self, name: str, words: str, buckets: Sequence[float], *labels: str) -> Histogram:
        return Histogram(f"{_PREFIX}_{name}", words, labels, buckets=buckets, registry=self.registry)


def _now(limit: BatchLimit) -> int:
    return limit.now


class _Caches(Collector):
    """Caches as they are when they are asked for."""

    def __init__(self, caches: Mapping[str, CacheCounts]) -> None:
        self._caches = caches

    def collect(self) -> Iterator[Metric]:
        lookups = CounterMetricFamily(
            f"{_PREFIX}_cache_lookups", "Lookups by what was found", labels=["cache", "result"]
        )
        size = GaugeMetricFamily(f"{_PREFIX}_cache_bytes", "Memory of a cache", labels=["cache"])
        for name, cache in self._caches.items():
            lookups.add_metric([name, "hit"], cache.hits)
            lookups.add_metric([name, "miss"], cache.misses)
            size.add_metric([name], cache.bytes)
        yield from (lookups, size)


class _Restarted(Collector):
    """Starts as they are counted when they are asked for."""

    def __init__(self, restarts: Callable[[], int]) -> None:
        self._restarts = restarts

    def collect(self) -> Iterator[Metric]:
        words = "Starts of the model's process after it ended"
        yield CounterMetricFamily(f"{_PREFIX}_model_restarts", words, self._restarts())


class _Joined(Collector):
    """Runs as they are when they are asked for."""

    def __init__(self, answers: JoinedRuns) -> None:
        self._answers = answers

    def collect(self) -> Iterator[Metric]:
        words = "Requests that waited for the run of another"
        yield CounterMetricFamily(f"{_PREFIX}_joined", words, self._answers.joined)
