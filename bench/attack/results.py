"""What an attack cost the honest device, and the service."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.attack.honest import DEADLINE_SECONDS, Sample
from bench.rig.quantiles import quantile

GOAL = 2.0  # honest latency beside an attack, to that alone


@dataclass(frozen=True)
class Latency:
    """Of honest calls, in milliseconds; one that failed counts as if it had taken all of its deadline."""

    calls: int
    failed: int
    p50: float
    p95: float
    worst: float
    first_failure: str


def latency_of(samples: Sequence[Sample]) -> Latency:
    """Of at least one call."""
    times = sorted(1000 * (DEADLINE_SECONDS if sample.failure else sample.seconds) for sample in samples)
    failures = [sample.failure for sample in samples if sample.failure]
    p95 = quantile(times, 0.95)
    return Latency(
        len(times), len(failures), statistics.median(times), p95, times[-1], next(iter(failures), "")
    )


@dataclass(frozen=True)
class AttackResult:
    """One attack. Memory is resident, in bytes, of the service and its picture workers. `back_seconds`: from
    the end of the attack until honest latency was as before; `memory_back_seconds` the same of memory. None:
    not while it was waited for.
    """

    attack: str
    words: str
    alone: Latency
    beside: Latency
    health: Latency
    bytes_before: int
    bytes_peak: int
    bytes_after: int
    back_seconds: float | None
    memory_back_seconds: float | None
    log_bytes: int
    got: Mapping[str, int]

    @property
    def ratio(self) -> float:
        """Median latency beside the attack, to that alone."""
        return self.beside.p50 / self.alone.p50

    @property
    def missed(self) -> bool:
        """Whether the goal is missed: honest callers wait too long, or fail."""
        return self.ratio > GOAL or bool(self.beside.failed + self.health.failed)
