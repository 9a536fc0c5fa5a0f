"""How full the battery is, while it is being emptied."""

from pathlib import Path

from edge.power.meter import SYSFS
from edge.power.readings import read_number, read_word


def has_battery(sysfs: Path = SYSFS) -> bool:
    """Whether there is one, charging or not."""
    return bool(_batteries(sysfs))


def discharging_percent(sysfs: Path = SYSFS) -> float | None:
    """Of all that are being emptied together; None where none is, or there is none."""
    levels = [
        level
        for folder in _batteries(sysfs)
        if read_word(folder / "status") == "Discharging"
        and (level := read_number(folder / "capacity")) is not None
    ]
    return sum(levels) / len(levels) if levels else None


def _batteries(sysfs: Path) -> list[Path]:
    """Those that feed the machine: a mouse has one too, of scope `Device`."""
    folders = sorted(sysfs.glob("class/power_supply/*"))
    return [
        folder
        for folder in folders
        if read_word(folder / "type") == "Battery" and read_word(folder / "scope") != "Device"
    ]
