"""The changes that are rolled out in the simulation, harmless and harmful ones."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Change:
    """What new settings do to a device. `slowdown`: of every answer, as a part of its time; `loss`: fewer
    right answers, `failures`: more that fail, as parts of all; `silenced`: part of the devices that fall
    silent; `kind`: the class that it happens to, None: all.
    """

    group: str
    name: str
    harmful: bool
    slowdown: float = 0.0
    loss: float = 0.0
    failures: float = 0.0
    silenced: float = 0.0
    kind: int | None = None


def changes() -> Sequence[Change]:
    """In the order of the table."""
    return [
        Change("harmless", "nothing changes", harmful=False),
        Change("harmless", "10% faster", harmful=False, slowdown=-0.1),
        Change("harmless", "2% slower, 0.4 points", harmful=False, slowdown=0.02, loss=0.004),
        Change("harmless", "at the bounds: 5%, 1 point", harmful=False, slowdown=0.05, loss=0.01),
        Change("harmful", "P95 10% longer", harmful=True, slowdown=0.1),
        Change("harmful", "2 points of accuracy", harmful=True, loss=0.02),
        Change("harmful", "3% more answers fail", harmful=True, failures=0.03),
        Change("harmful", "one class 30% slower", harmful=True, slowdown=0.3, kind=1),
        Change("harmful", "a tenth of devices falls silent", harmful=True, silenced=0.1),
    ]
