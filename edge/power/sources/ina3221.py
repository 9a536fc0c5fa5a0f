"""A Jetson's power monitor: volts and amperes of the rail that feeds the board, sampled and summed up.

The kernel (Documentation/hwmon/ina3221.rst) gives `inN_label`, `inN_input` in mV and `currN_input` in mA.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from threading import Event, Thread
from time import monotonic

from typing_extensions import Self

from edge.power.meter import EnergyMeter
from edge.power.readings import read_number, read_word
from protos.costs.power import Power

RAIL = "VDD_IN"
SAMPLE_SECONDS = 0.02
_FOLDERS = "bus/i2c/drivers/ina3221*/*/hwmon/hwmon*"


class Ina3221(EnergyMeter):
    """The whole board, whoever uses it: its idle power too, and a radio that it feeds."""

    rank, words = 0, f"INA3221 {RAIL}: the whole board"
    power = Power("ina3221", busy_watts=8.0, waiting_watts=5.0, joules_a_megabyte=0.0)

    def __init__(self, volts: Path, amperes: Path) -> None:
        self._volts, self._amperes = volts, amperes

    @classmethod
    def find(cls, sysfs: Path) -> Self | None:
        for label in sorted(sysfs.glob(f"{_FOLDERS}/in[123]_label")):
            channel = label.name.removeprefix("in").removesuffix("_label")
            meter = cls(label.with_name(f"in{channel}_input"), label.with_name(f"curr{channel}_input"))
            if read_word(label) == RAIL and meter.watts() is not None:
                return meter
        return None

    def watts(self) -> float | None:
        """Now; None where it cannot be read."""
        millivolts, milliamperes = read_number(self._volts), read_number(self._amperes)
        return None if millivolts is None or milliamperes is None else millivolts * milliamperes / 1e6

    @contextmanager
    def measure(self) -> Iterator["_Sampled"]:
        sampled, ended = _Sampled(self), Event()
        thread = Thread(target=sampled.follow, args=(ended,), name="power", daemon=True)
        thread.start()
        try:
            yield sampled
        finally:
            ended.set()
            thread.join()


class _Sampled:
    """Instants and watts; joules are the area below them, by trapezoids."""

    def __init__(self, meter: Ina3221) -> None:
        self._meter = meter
        self._samples: list[tuple[float, float]] = []
        self._sample()

    def follow(self, ended: Event) -> None:
        """Sample until it ends."""
        while not ended.wait(SAMPLE_SECONDS):
            self._sample()

    def joules(self, sent: int) -> float:
        del sent  # the rail feeds the radio too
        self._sample()
        return sum(
            (at - before) * (watts + watts_before) / 2
            for (before, watts_before), (at, watts) in pairwise(sorted(self._samples))
        )

    def _sample(self) -> None:
        at, watts = monotonic(), self._meter.watts()
        if watts is not None:
            self._samples.append((at, watts))
