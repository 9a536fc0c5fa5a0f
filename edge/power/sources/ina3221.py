"""A Jetson's power monitor: volts and amperes of the rail that feeds the board, sampled and summed up.

The kernel (Documentation/hwmon/ina3221.rst) gives `inN_label`, `inN_input` in mV and `currN_input` in mA.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from time import monotonic

from typing_extensions import Self

from edge.power.meter import EnergyMeter, Measurement
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
        super().__init__()
        self._volts, self._amperes = volts, amperes
        self._joules, self._sampled = 0.0, (monotonic(), 0.0)

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

    def count(self) -> float:
        """The area below the samples, by trapezoids; a board that is silent is taken to go on."""
        (before, watts_before), at, found = self._sampled, monotonic(), self.watts()
        watts = watts_before if found is None else found
        self._joules += (at - before) * (watts + watts_before) / 2
        self._sampled = at, watts
        return self._joules

    @contextmanager
    def measure(self) -> Iterator[Measurement]:
        ended = Event()
        thread = Thread(target=self._sample, args=(ended,), name="power", daemon=True)
        with super().measure() as measurement:
            thread.start()
            try:
                yield measurement
            finally:
                ended.set()
                thread.join()

    def _sample(self, ended: Event) -> None:
        while not ended.wait(SAMPLE_SECONDS):
            self.shares.look()
