"""What the demonstration's controller did: plain values, and whether that is what a controller does."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

ROLLED_BACK = "rolled back"


@dataclass(frozen=True)
class FleetDevice:
    """A device, and the cuts that were pinned, one after another. `real`: no simulation."""

    name: str
    machine: str
    real: bool
    before: str  # empty: the device's own choice
    after: str  # once the operator had set it
    in_the_end: str
    treated: bool  # by the bad rollout


@dataclass(frozen=True)
class RolloutMoment:
    """Of a rollout. `seconds`: since it began."""

    seconds: float
    phase: int
    treated: int
    status: str
    reason: str


@dataclass(frozen=True)
class AuditLine:
    """Who changed what of which, and why."""

    who: str
    what: str
    object: str
    why: str


@dataclass(frozen=True)
class FleetRecord:
    """`told`: seconds from an operator's call until every device reported the cut; `restored`: from the end
    of the rollout until every treated device reported its earlier settings.
    """

    devices: Sequence[FleetDevice]
    cut: str
    told: float
    bad_cut: str
    harm: str  # in words
    rollout: Sequence[RolloutMoment]
    failed: Sequence[str]
    restored: float
    audit: Sequence[AuditLine]

    @property
    def missing(self) -> list[str]:
        """What a controller does and this one has not done."""
        return list(_missing(self))


def _missing(record: FleetRecord) -> Iterator[str]:
    if not all(device.after == record.cut for device in record.devices):
        yield f"not every device of the fleet got {record.cut}"
    if not record.rollout or record.rollout[-1].status != ROLLED_BACK:
        yield "the bad rollout did not roll itself back"
    if not all(device.in_the_end == device.after for device in record.devices):
        yield "not every device of the fleet has its earlier settings again"
