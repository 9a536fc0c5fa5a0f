"""Batteries, played by files."""

from pathlib import Path

import pytest

from edge.power.battery import discharging_percent, has_battery
from tests.edge.power.boards import write


def battery(sysfs: Path, name: str, status: str, capacity: object, scope: str = "System") -> None:
    values = {"type": "Battery", "status": status, "capacity": capacity, "scope": scope}
    write(sysfs, {f"class/power_supply/{name}/{file}": value for file, value in values.items()})


@pytest.mark.parametrize(
    ("status", "found"), [("Discharging", 15.0), ("Charging", None), ("Full", None), ("Unknown", None)]
)
def test_only_a_battery_that_is_being_emptied_counts(
    tmp_path: Path, status: str, found: float | None
) -> None:
    battery(tmp_path, "BAT0", status, 15)
    assert discharging_percent(tmp_path) == found
    assert has_battery(tmp_path)


def test_a_mouse_and_the_mains_are_no_battery_of_the_machine(tmp_path: Path) -> None:
    battery(tmp_path, "hid-mouse", "Discharging", 3, scope="Device")
    write(tmp_path, {"class/power_supply/AC/type": "Mains", "class/power_supply/AC/online": 1})
    assert discharging_percent(tmp_path) is None
    assert not has_battery(tmp_path)


def test_several_are_one(tmp_path: Path) -> None:
    battery(tmp_path, "BAT0", "Discharging", 0)
    battery(tmp_path, "BAT1", "Discharging", 80)
    battery(tmp_path, "BAT2", "Discharging", "broken")
    assert discharging_percent(tmp_path) == 40.0
