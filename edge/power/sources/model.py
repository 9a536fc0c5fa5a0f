"""No meter: the processor time that this process took, and the bytes that it sent, by stated figures."""

from collections.abc import Iterator
from contextlib import contextmanager
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

    @contextmanager
    def measure(self) -> Iterator["_Modelled"]:
        yield _Modelled()


class _Modelled:
    def __init__(self) -> None:
        self._begun = process_time()

    def joules(self, sent: int) -> float:
        busy_ms = (process_time() - self._begun) * 1e3
        return MODEL.joules(busy_ms, 0.0, sent, remote=True)
