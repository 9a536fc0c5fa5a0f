"""No meter: the processor time that this process took, and the bytes that it sent, by stated figures."""

from pathlib import Path
from time import process_time

from typing_extensions import Self

from edge.power.meter import EnergyMeter
from protos.costs.power import MODEL


class CpuTimeModel(EnergyMeter):
    """Of this process alone, all its threads; of the radio what it takes to send."""

    rank, power = 9, MODEL
    words = (
        f"a model, not a measurement: {MODEL.busy_watts:g} W a core, {MODEL.joules_a_megabyte:g} J a "
        "megabyte sent"
    )

    @classmethod
    def find(cls, sysfs: Path) -> Self:
        del sysfs
        return cls()

    def count(self) -> float:
        return MODEL.busy_watts * process_time()
