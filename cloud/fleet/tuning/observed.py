"""What the devices of one bundle told in a period: sums, an entry a device."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cloud.fleet.storage.observations import ArmSums, ObservedSums
from cloud.fleet.storage.tables import ARM_SUMS, OBSERVED_SUMS
from cloud.fleet.tuning.devices import TunedDevice
from protos.fleet.arms import ToldArm

Values = NDArray[np.float64]  # an entry a device
HALVES = 2


@dataclass(frozen=True, eq=False)
class Period:
    """Sums by their names in `storage/tables.py`."""

    sums: Mapping[str, Values]
    arms: Mapping[ToldArm, Mapping[str, Values]]

    @property
    def answers(self) -> Values:
        return self.sums["answers"]

    def stages(self, *names: str) -> Values:
        """Milliseconds in these stages, of all answers."""
        return np.asarray(sum(self.sums[f"stage_{name}"] for name in names))

    def all_arms(self, name: str) -> Values:
        """A sum over all arms."""
        return np.asarray(sum((arm[name] for arm in self.arms.values()), np.zeros_like(self.answers)))


@dataclass(frozen=True, eq=False)
class Observed:
    """`halves`: of even hours and of odd ones, so that a model of one can be held against the other."""

    devices: Sequence[TunedDevice]
    halves: tuple[Period, Period]

    @property
    def whole(self) -> Period:
        one, other = self.halves
        sums = {name: one.sums[name] + other.sums[name] for name in one.sums}
        arms = {
            arm: {name: found[name] + other.arms[arm][name] for name in found}
            for arm, found in one.arms.items()
        }
        return Period(sums, arms)

    @property
    def kinds(self) -> NDArray[np.str_]:
        return np.array([device.kind for device in self.devices], dtype=np.str_)


def observed(
    devices: Sequence[TunedDevice],
    digest: str,
    sums: Iterable[ObservedSums],
    arms: Iterable[ArmSums],
    known: Sequence[ToldArm],
) -> Observed:
    """Of the devices that have this bundle in force, and what they told while they had. Arms that are not
    `known` are left out.
    """
    here = [device for device in devices if device.bundle == digest]
    place = {device.name: index for index, device in enumerate(here)}
    rows = [row for row in sums if row.bundle == digest and row.device in place]
    table = np.zeros((len(OBSERVED_SUMS), HALVES, len(here)))
    if rows:
        at = [place[row.device] for row in rows]
        table[:, [row.half for row in rows], at] = np.array([row.sums for row in rows], float).T
    by_arm = {arm: np.zeros((len(ARM_SUMS), HALVES, len(here))) for arm in known}
    for row in arms:
        if row.bundle == digest and row.arm in by_arm and row.device in place:
            by_arm[row.arm][:, row.half, place[row.device]] = row.sums
    one, other = (
        Period(
            dict(zip(OBSERVED_SUMS, table[:, half], strict=True)),
            {arm: dict(zip(ARM_SUMS, found[:, half], strict=True)) for arm, found in by_arm.items()},
        )
        for half in range(HALVES)
    )
    return Observed(here, (one, other))
