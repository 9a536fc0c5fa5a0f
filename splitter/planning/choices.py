"""The arms of a bundle that `isthmus plan` weighs, each with what it takes beside the network."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from typing_extensions import Self

from protos import bundle_pb2 as pb
from protos.arms import arms_of
from protos.arms.arm import Arm
from protos.arms.rules import LOCAL
from protos.costs.cost import BITS_PER_BYTE_MS, TYPICAL, Cost, Workload, usual_workload
from protos.costs.estimates import CloudEstimate
from protos.costs.profile import DeviceProfile


@dataclass(frozen=True)
class Choice:
    """One way to answer, named as `isthmus ask --route` does. Milliseconds, bytes, percent."""

    name: str  # local, cascade@SHARE%, split@CUT/CODEC, upload@FORMAT-QUALITY
    kind: str
    cost: Cost
    accuracy: float
    loss: float = 0.0  # points below the whole model, beyond noise
    accuracy_low: float = 0.0  # 95% interval; both are 0 where it is not known
    accuracy_high: float = 0.0
    loss_error: float = 0.0  # standard error of the points below the whole model

    @property
    def bytes_up(self) -> int:
        """On average."""
        return round(self.cost.mean_bytes)

    @property
    def here(self) -> float:
        """Milliseconds on the device, on average."""
        return self.cost.beside_network - self.cost.asked * self.cost.queue - self.there

    @property
    def there(self) -> float:
        """Milliseconds in the cloud, on average."""
        return 0.0 if self.kind == LOCAL else self.cost.asked * (self.cost.entry + self.cost.generate)

    @property
    def alone(self) -> float:
        """Milliseconds of an answer for which the cloud is not asked, where the device answers first."""
        return self.cost.head + self.cost.local

    def sent(self) -> Self:
        """The same where the cloud is asked for certain."""
        return replace(self, cost=replace(self.cost, asked=1.0))

    def fixed(self, round_trip: float) -> float:
        """Milliseconds that do not depend on the uplink, on average."""
        return self.cost.beside_network + (self.cost.asked * round_trip if self.cost.bytes_up else 0.0)

    def total(self, uplink: float, round_trip: float) -> float:
        """Milliseconds to the whole answer over a steady link of so many bits a second, on average."""
        return self.fixed(round_trip) + BITS_PER_BYTE_MS * self.cost.mean_bytes / uplink


def choices(
    manifest: pb.Manifest, measured: pb.Measurements, device: DeviceProfile, workload: Workload = TYPICAL
) -> Iterator[Choice]:
    """Every cut with every codec, the uploads, and the answer on the device if the bundle has one.

    `workload` says what is asked; the picture is as large as the report's are on average.
    """
    cloud, usual = CloudEstimate.from_measurements(measured), usual_workload(manifest, measured, workload)
    for arm in sorted(arms_of(manifest, measured), key=_local_last):
        yield Choice(
            arm.name,
            arm.kind,
            arm.cost(device, cloud, usual),
            arm.accuracy,
            arm.loss,
            arm.accuracy_low,
            arm.accuracy_high,
            arm.loss_error,
        )


def _local_last(arm: Arm) -> bool:
    return not arm.remote
