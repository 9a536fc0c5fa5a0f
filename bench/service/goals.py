"""What the service is held to, and whether rows reach it."""

from collections.abc import Iterator, Mapping, Sequence
from statistics import harmonic_mean
from typing import NamedTuple

from bench.service.crowd import AGAIN, FIRST
from bench.service.results import BOUND, ISTHMUS, PLAIN, SHARED, Measured, Row
from bench.service.traffic import AGAIN_ASKED, ALONE, BESIDE, BESIDE_ONE, ONE_CUT
from bench.service.workloads import MIXED

OF_BOUND, OF_PLAIN, OF_ONE_CUT = 0.9, 3.0, 0.9  # at least
OF_FIRST, BESIDE_LONG = 0.5, 2.0  # at most


class Goal(NamedTuple):
    """A ratio that was measured, and what it is held to."""

    what: str
    ratio: float
    goal: float
    at_least: bool = True

    @property
    def reached(self) -> bool:
        return self.ratio >= self.goal if self.at_least else self.ratio <= self.goal

    def __str__(self) -> str:
        bound = f"at {'least' if self.at_least else 'most'} {self.goal:g}"
        return f"{'Reached' if self.reached else 'MISSED'}: {self.what}: {self.ratio:.2f} (goal: {bound})."


def goals(rows: Sequence[Row]) -> list[Goal]:
    """Each goal that these rows tell of."""
    ours = {row.workload: found for row in rows if (found := row.of(ISTHMUS))}
    return [*_at_saturation(rows), *_mixed(ours), *_medians(ours)]


def _at_saturation(rows: Sequence[Row]) -> Iterator[Goal]:
    """Where most devices ask for the same."""
    last = {row.workload: row for row in rows if row.of(BOUND)}
    for row in last.values():
        where = f"{row.workload}, {row.devices} devices"
        for service, goal in ((BOUND, OF_BOUND), (SHARED, OF_BOUND), (PLAIN, OF_PLAIN)):
            if (ratio := row.ratio(service)) is not None:
                yield Goal(f"{where}, answers a second to those of {service}", ratio, goal)
        ours, plain = row.of(ISTHMUS), row.of(PLAIN)
        if ours and plain and ours.cpu_ms:
            yield Goal(f"{where}, CPU an answer of {PLAIN} to ours", plain.cpu_ms / ours.cpu_ms, OF_PLAIN)


def _mixed(ours: Mapping[str, Measured]) -> Iterator[Goal]:
    speeds = [one.per_second for workload, one in ours.items() if workload.startswith(ONE_CUT)]
    if MIXED in ours and speeds and all(speeds):
        ratio = ours[MIXED].per_second / harmonic_mean(speeds)
        yield Goal("mixed cuts, answers a second to those of each cut by itself", ratio, OF_ONE_CUT)


def _medians(ours: Mapping[str, Measured]) -> Iterator[Goal]:
    medians = {workload: one.p50 for workload, one in ours.items() if one.p50}
    for what, one, other, goal in (
        (
            "a second question about a frame, time to that of the first",
            f"{AGAIN_ASKED}: {AGAIN}",
            f"{AGAIN_ASKED}: {FIRST}",
            OF_FIRST,
        ),
        ("a short question beside a device with long, time to that alone", BESIDE_ONE, ALONE, BESIDE_LONG),
        ("a short question beside 16 with long, time to that alone", BESIDE, ALONE, BESIDE_LONG),
    ):
        if one in medians and other in medians:
            yield Goal(what, medians[one] / medians[other], goal, at_least=False)
