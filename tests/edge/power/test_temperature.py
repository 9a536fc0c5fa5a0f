"""Thermal zones, played by files."""

from pathlib import Path

from edge.power.temperature import hottest_celsius
from tests.edge.power.boards import write


def zones(sysfs: Path, **temperatures: object) -> Path:
    for number, (kind, temperature) in enumerate(temperatures.items()):
        folder = f"class/thermal/thermal_zone{number}"
        write(sysfs, {f"{folder}/type": kind.replace("_", "-"), f"{folder}/temp": temperature})
    return sysfs


def test_the_hottest_zone_counts(tmp_path: Path) -> None:
    assert hottest_celsius(zones(tmp_path, cpu=61_500, gpu=48_000)) == 61.5


def test_what_no_sensor_says_is_left_out(tmp_path: Path) -> None:
    found = zones(tmp_path, PMIC_Die=100_000, off=-256_000, broken="", wild=10**9, cpu=40_000)
    assert hottest_celsius(found) == 40.0
    assert hottest_celsius(tmp_path / "nowhere") is None
