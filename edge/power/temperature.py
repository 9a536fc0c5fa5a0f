"""How hot the machine is."""

from pathlib import Path

from edge.power.meter import SYSFS
from edge.power.readings import read_number, read_word

_POSSIBLE = range(-50_000, 150_001)  # millidegrees Celsius; a zone that is switched off says anything
_CONSTANT = {"PMIC-Die"}  # zones of a Jetson that say 100 degrees whatever happens


def hottest_celsius(sysfs: Path = SYSFS) -> float | None:
    """The hottest of the kernel's thermal zones; None where there is none."""
    zones = [zone for zone in sysfs.glob("class/thermal/thermal_zone*") if _is_real(zone)]
    found = [read_number(zone / "temp") for zone in zones]
    return max((one / 1e3 for one in found if one is not None and one in _POSSIBLE), default=None)


def _is_real(zone: Path) -> bool:
    return read_word(zone / "type") not in _CONSTANT
