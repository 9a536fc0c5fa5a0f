"""The kernel's files of machines, written into a folder."""

from collections.abc import Mapping
from pathlib import Path


def write(sysfs: Path, files: Mapping[str, object]) -> Path:
    """Files below `sysfs`, each with a line."""
    for name, content in files.items():
        place = sysfs / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(f"{content}\n")
    return sysfs


def jetson(sysfs: Path, millivolts: int = 5000, milliamperes: int = 2000) -> Path:
    """An Orin Nano: the rail that feeds the board is the first of three."""
    folder = "bus/i2c/drivers/ina3221/1-0040/hwmon/hwmon3"
    files: dict[str, object] = {
        f"{folder}/in1_label": "VDD_IN",
        f"{folder}/in1_input": millivolts,
        f"{folder}/curr1_input": milliamperes,
    }
    for channel, rail in ((2, "VDD_CPU_GPU_CV"), (3, "VDD_SOC")):
        names = {"label": rail, "input": 5000}
        files |= {f"{folder}/in{channel}_{name}": value for name, value in names.items()}
        files[f"{folder}/curr{channel}_input"] = 100
    return write(sysfs, files)


def processor(sysfs: Path, *packages: int, range_uj: int = 1_000_000_000) -> Path:
    """An x86 with packages that have counted so many microjoules, each with cores, and the platform's own."""
    files: dict[str, object] = {}
    zones = {f"intel-rapl:{i}": (f"package-{i}", count) for i, count in enumerate(packages)}
    zones |= {"intel-rapl:0:0": ("core", 1), f"intel-rapl:{len(packages)}": ("psys", 1)}
    for zone, (name, count) in zones.items():
        values = {"name": name, "energy_uj": count, "max_energy_range_uj": range_uj}
        files |= {f"class/powercap/{zone}/{file}": value for file, value in values.items()}
    return write(sysfs, files)
