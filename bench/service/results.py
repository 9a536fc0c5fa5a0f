"""What a crowd of devices saw of a service, and what the service used."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from bench.rig.quantiles import quantile
from bench.service.crowd import TimedAnswer, Watched

BOUND, SHARED, ISTHMUS, UNBATCHED, PLAIN = "bound", "shared bound", "isthmus", "unbatched", "plain"
WORDS = {
    BOUND: "the model in process, perfect batches of pictures that are decoded already",
    SHARED: "at most what is left of that where devices take from its cores what those of isthmus took",
    ISTHMUS: "isthmus cloud serve",
    UNBATCHED: "the same with --max-batch 1",
    PLAIN: "a grpc.aio server around transformers' generate",
}


class Run(NamedTuple):
    """What the model did alone in a while, in batches of a size."""

    batch: int
    requests: int
    tokens: int
    seconds: float
    cpu_seconds: float


@dataclass(frozen=True)
class Measured:
    """What all devices of a group together saw of one service. `cpu_ms` is the service's for one answer, of
    whatever group, `devices_cpu_ms` that of the devices; `batch` is the mean number of answers side by side
    in its decode steps, of those that tell it; latencies are None of the bound.
    """

    service: str
    answers: int
    failed: int
    first_failure: str
    per_second: float
    tokens_per_second: float
    cpu_ms: float
    batch: float | None = None
    resident_bytes: int | None = None
    first_token_p50: float | None = None
    p50: float | None = None
    p95: float | None = None
    p99: float | None = None
    devices_cpu_ms: float | None = None


@dataclass(frozen=True)
class Row:
    """How many devices asked for what, and what each service made of it. `rate`: requests a second that were
    asked for; None: each device asks when it has its answer.
    """

    workload: str
    devices: int
    rate: float | None
    measured: Sequence[Measured]

    def of(self, service: str) -> Measured | None:
        return next((one for one in self.measured if one.service == service), None)

    def ratio(self, service: str) -> float | None:
        """Answers a second of isthmus to those of another."""
        ours, theirs = self.of(ISTHMUS), self.of(service)
        return ours.per_second / theirs.per_second if ours and theirs and theirs.per_second else None


def measured_of(
    service: str, samples: Sequence[TimedAnswer], watched: Sequence[Watched], answered: int
) -> Measured:
    """Of samples, over windows in which so many were answered in all, these among them."""
    answers = [sample for sample in samples if not sample.failure]
    failures = [sample.failure for sample in samples if sample.failure]
    seconds = sum(window.seconds for window in watched)
    batches = [window.batch for window in watched if window.batch is not None]
    times = sorted(sample.ms for sample in answers)
    p50, p95, p99 = (quantile(times, share) if times else None for share in (0.5, 0.95, 0.99))
    return Measured(
        service,
        len(answers),
        len(failures),
        next(iter(failures), ""),
        len(answers) / seconds,
        sum(sample.tokens for sample in answers) / seconds,
        1000 * sum(window.cpu_seconds for window in watched) / max(1, answered),
        statistics.mean(batches) if batches else None,
        max(window.resident_bytes for window in watched),
        statistics.median(sample.first_token_ms for sample in answers) if answers else None,
        p50,
        p95,
        p99,
        1000 * sum(window.devices_cpu_seconds for window in watched) / max(1, answered),
    )


def bound_of(runs: Sequence[Run]) -> Measured:
    """Of the batch size that was the fastest."""
    by_size = [[run for run in runs if run.batch == size] for size in {run.batch for run in runs}]
    return max(map(_bound, by_size), key=lambda one: one.per_second)


def _bound(runs: Sequence[Run]) -> Measured:
    requests, seconds = sum(run.requests for run in runs), sum(run.seconds for run in runs)
    tokens, cpu = sum(run.tokens for run in runs), sum(run.cpu_seconds for run in runs)
    return Measured(BOUND, requests, 0, "", requests / seconds, tokens / seconds, 1000 * cpu / requests)


def shared_bound(bound: Measured, devices_cpu_ms: float, cores: int) -> Measured:
    """The bound where an answer costs devices so much, too, on the same cores: it cannot be faster than
    without them, nor have all cores and more.
    """
    room = 1000 * cores / (bound.cpu_ms + devices_cpu_ms)
    speed = min(bound.per_second, room)
    tokens = bound.tokens_per_second * speed / bound.per_second
    return replace(
        bound, service=SHARED, per_second=speed, tokens_per_second=tokens, devices_cpu_ms=devices_cpu_ms
    )
