"""The machines that simulated devices are."""

from dataclasses import dataclass
from math import sqrt

from cloud.fleet.simulation.links import LinkKind
from protos import fleet_pb2 as pb

_GOLDEN = (sqrt(5) - 1) / 2


@dataclass(frozen=True)
class SimulatedMachine:
    """`slowness`: what its parts take, as multiples of the machine that split; `share`: of a fleet."""

    machine: str
    share: float
    slowness: float
    architecture: str
    cores: int
    memory_bytes: int
    links: tuple[LinkKind, ...]

    def facts(self) -> pb.Device:
        """What a device says of itself at its birth, but for its bundle."""
        return pb.Device(
            version="simulated",
            machine=self.machine,
            architecture=self.architecture,
            system="Linux",
            cores=self.cores,
            memory_bytes=self.memory_bytes,
            providers=["CPUExecutionProvider"],
            provider="CPUExecutionProvider",
        )


CLASSES = (
    SimulatedMachine("Jetson Orin Nano", 0.4, 0.6, "aarch64", 6, 8 << 30, ("wifi", "lte")),
    SimulatedMachine("Raspberry Pi 5", 0.4, 1.8, "aarch64", 4, 8 << 30, ("wifi", "ethernet", "lte")),
    SimulatedMachine("Intel N100", 0.2, 1.0, "x86_64", 4, 16 << 30, ("ethernet", "wifi")),
)


def class_of(number: int) -> SimulatedMachine:
    """Of the device with this number: in a fleet of any size about as many of each as their share says."""
    place = number * _GOLDEN % 1.0
    for kind in CLASSES:
        if place < kind.share:
            return kind
        place -= kind.share
    return CLASSES[-1]
