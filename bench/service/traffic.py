"""Who asks for what, in which company."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from bench.service import kinds
from bench.service.crowd import Group
from bench.service.results import ISTHMUS, PLAIN, UNBATCHED
from bench.service.workloads import LONG, MIXED, UPLOAD, Workloads

FEATURES, ONE_CUT, AGAIN_ASKED = "features", "cut", "again"
ALONE, BESIDE_ONE, BESIDE = "short alone", "short beside one long", "short beside 16 long"
_ALL = (ISTHMUS, UNBATCHED, PLAIN)
_MIXED_DEVICES, _LONG_DEVICES = 16, 16
_LOADS = (0.5, 0.8)  # of what isthmus answers at most, in the open loop


@dataclass(frozen=True)
class Traffic:
    """What is asked of some services at once; the last of the groups is reported."""

    workload: str
    groups: tuple[Group, ...]
    services: Sequence[str] = _ALL
    bound: bool = False

    @property
    def reported(self) -> Group:
        return self.groups[-1]


def closed_loop(workloads: Workloads, chosen: Collection[str], devices: Sequence[int]) -> Iterator[Traffic]:
    """Each device asks again as soon as it has its answer. Of the chosen kinds, and what the open loop is
    measured by.
    """
    folders = {name: str(path) for name, path in workloads.folders.items()}
    last = folders[workloads.last]
    if kinds.FEATURES in chosen or kinds.OPEN in chosen:
        for count in devices if kinds.FEATURES in chosen else devices[-1:]:
            yield Traffic(FEATURES, (Group(last, count),), bound=True)
    if kinds.UPLOAD in chosen:
        for count in devices:
            yield Traffic(UPLOAD, (Group(folders[UPLOAD], count),), bound=True)
    if kinds.MIXED in chosen and len(workloads.cuts) > 1:
        for name in (*workloads.cuts, MIXED):
            workload = name if name == MIXED else f"{ONE_CUT} {name}"
            yield Traffic(workload, (Group(folders[name], _MIXED_DEVICES),), (ISTHMUS,))
    if kinds.AGAIN in chosen:
        yield Traffic(AGAIN_ASKED, (Group(last, 1, again=True),), (ISTHMUS,))
    if kinds.BESIDE in chosen:
        yield Traffic(ALONE, (Group(last, 1),), (ISTHMUS, PLAIN))
        for name, count in ((BESIDE_ONE, 1), (BESIDE, _LONG_DEVICES)):
            yield Traffic(name, (Group(folders[LONG], count), Group(last, 1)), (ISTHMUS, PLAIN))


def open_loop(workloads: Workloads, chosen: Collection[str], devices: int, most: float) -> Iterator[Traffic]:
    """Requests come at random instants, whether others are answered or not: shares of `most`, what isthmus
    answered a second in the closed loop.
    """
    for load in _LOADS if kinds.OPEN in chosen else ():
        group = Group(str(workloads.folders[workloads.last]), devices, rate=load * most)
        yield Traffic(f"{FEATURES}, {load:.0%} load", (group,))
