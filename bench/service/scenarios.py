"""Who asks for what, in which company."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bench.service.crowd import Group
from bench.service.results import ISTHMUS, PLAIN, UNBATCHED
from bench.service.workloads import LONG, MIXED, UPLOAD, Workloads

FEATURES, ONE_CUT, AGAIN_ASKED, ALONE, BESIDE = "features", "cut", "again", "short alone", "short beside long"
_ALL = (ISTHMUS, UNBATCHED, PLAIN)
_MIXED_DEVICES, _LONG_DEVICES = 16, 16
_LOADS = (0.5, 0.8)  # of what isthmus answers at most, in the open loop


@dataclass(frozen=True)
class Scenario:
    """What is asked of some services; the last of the groups is reported."""

    workload: str
    groups: tuple[Group, ...]
    services: Sequence[str] = _ALL
    bound: bool = False

    @property
    def reported(self) -> Group:
        return self.groups[-1]


def closed_loop(workloads: Workloads, devices: Sequence[int]) -> Iterator[Scenario]:
    """Each device asks again as soon as it has its answer."""
    folders = {name: str(path) for name, path in workloads.folders.items()}
    short = Group(folders[workloads.last], 1)
    for count in devices:
        yield Scenario(FEATURES, (Group(folders[workloads.last], count),), bound=True)
    for count in devices:
        yield Scenario(UPLOAD, (Group(folders[UPLOAD], count),), bound=True)
    if len(workloads.cuts) > 1:
        for name in (*workloads.cuts, MIXED):
            workload = name if name == MIXED else f"{ONE_CUT} {name}"
            yield Scenario(workload, (Group(folders[name], _MIXED_DEVICES),), (ISTHMUS,))
    yield Scenario(AGAIN_ASKED, (Group(folders[workloads.last], 1, again=True),), (ISTHMUS,))
    yield Scenario(ALONE, (short,), (ISTHMUS, PLAIN))
    yield Scenario(BESIDE, (Group(folders[LONG], _LONG_DEVICES), short), (ISTHMUS, PLAIN))


def open_loop(workloads: Workloads, devices: int, most: float) -> Iterator[Scenario]:
    """Requests come at random instants, whether others are answered or not."""
    for load in _LOADS:
        group = Group(str(workloads.folders[workloads.last]), devices, rate=load * most)
        yield Scenario(f"{FEATURES}, {load:.0%} load", (group,))
