"""An x86 processor's own count of its energy (RAPL), by the kernel's powercap files.

`energy_uj` counts microjoules up to `max_energy_range_uj`, and begins anew (Documentation/power/powercap).
Many kernels let root alone read it.
"""

from pathlib import Path

from typing_extensions import Self

from edge.power.meter import EnergyMeter
from edge.power.readings import read_number, read_word
from protos.costs.power import RADIO_JOULES_A_MEGABYTE, Power

_PACKAGES = "class/powercap/intel-rapl:*"


class Rapl(EnergyMeter):
    """All packages, whoever uses them; the radio is not in it, and is added by the model's figure."""

    rank = 1
    words = f"RAPL: the whole processor, and {RADIO_JOULES_A_MEGABYTE:g} J a megabyte sent"
    power = Power("rapl", busy_watts=15.0, waiting_watts=5.0, joules_a_megabyte=RADIO_JOULES_A_MEGABYTE)

    def __init__(self, packages: list[Path]) -> None:
        super().__init__()
        self._packages, self._joules = packages, 0.0
        self._last = self._counts()

    @classmethod
    def find(cls, sysfs: Path) -> Self | None:
        zones = sorted(sysfs.glob(_PACKAGES))
        # other zones (core, dram, psys) are parts of a package, or hold it
        packages = [zone for zone in zones if read_word(zone / "name").startswith("package")]
        counted = [zone for zone in packages if read_number(zone / "energy_uj") is not None]
        return cls(counted) if counted else None

    def count(self) -> float:
        now = self._counts()
        read_twice = now.keys() & self._last.keys()
        self._joules += sum(_since(zone, self._last[zone], now[zone]) for zone in read_twice) / 1e6
        self._last |= now
        return self._joules

    def _counts(self) -> dict[Path, int]:
        """Microjoules of each package that can be read now."""
        found = {zone: read_number(zone / "energy_uj") for zone in self._packages}
        return {zone: count for zone, count in found.items() if count is not None}


def _since(zone: Path, begun: int, now: int) -> int:
    """Microjoules, where the count may have begun anew once."""
    return now - begun if now >= begun else now - begun + (read_number(zone / "max_energy_range_uj") or begun)
