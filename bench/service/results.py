"""What a crowd of devices saw of a service, and what the service used."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from bench.service.crowd import Sample, Watched

BOUND, ISTHMUS, UNBATCHED, PLAIN = "bound", "isthmus", "unbatched", "plain"
WORDS = {
    BOUND: "the model in process, perfect batches of pictures that are decoded already",
    ISTHMUS: "isthmus cloud serve",
    UNBATCHED: "the same with --max-batch 1",
    PLAIN: "a grpc.aio server around transformers' generate",
}


@dataclass(frozen=True)
class Measured:
    """What was seen of one service in one scenario, by all devices of a group together. `cpu_ms` is the
    service's for one answer, of whatever group; latencies are None of the bound.
    """

    service: str
    answers: int
    failed: int
    first_failure: str
    per_second: float
    tokens_per_second: float
    cpu_ms: float
    resident_bytes: int | None = None
    first_token_p50: float | None = None
    p50: float | None = None
    p95: float | None = None
    p99: float | None = None


@dataclass(frozen=True)
class Row:
    """One scenario: how many devices asked for what, and what each service made of it. `rate`: requests a
    second that were asked for; None: each device asks when it has its answer.
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


def measured_of(service: str, samples: Sequence[Sample], watched: Sequence[Watched], others: int) -> Measured:
    """Of the samples of a group, over windows in which `others` were answered too."""
    answered = [sample for sample in samples if not sample.failure]
    failures = [sample.failure for sample in samples if sample.failure]
    seconds = sum(window.seconds for window in watched)
    times = sorted(sample.ms for sample in answered)
    return Measured(
        service,
        len(answered),
        len(failures),
        next(iter(failures), ""),
        len(answered) / seconds,
        sum(sample.tokens for sample in answered) / seconds,
        1000 * sum(window.cpu_seconds for window in watched) / max(1, len(answered) + others),
        max(window.resident_bytes for window in watched),
        statistics.median(sample.first_token_ms for sample in answered) if answered else None,
        quantile(times, 0.5),
        quantile(times, 0.95),
        quantile(times, 0.99),
    )


def quantile(ordered: Sequence[float], share: float) -> float | None:
    """The nearest of ordered times; None of none."""
    return ordered[min(len(ordered) - 1, round(share * (len(ordered) - 1)))] if ordered else None
