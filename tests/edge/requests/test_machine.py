"""What a request finds of the machine: played by files, and a count of bytes."""

from pathlib import Path

import pytest

from edge.link.byte_count import ByteCount
from edge.requests.machine import Machine
from protos.arms.rules import Conditions, Rules
from protos.errors import TooLarge
from tests.edge.power.boards import jetson, write

RULES = Rules(bytes_per_day=1000, battery_floor=20.0, temperature_ceiling=85.0)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    battery = {"type": "Battery", "status": "Discharging", "capacity": 15}
    write(tmp_path, {f"class/power_supply/BAT0/{name}": value for name, value in battery.items()})
    write(tmp_path, {"class/thermal/thermal_zone0/temp": 91_000})
    return Machine(jetson(tmp_path), ByteCount(tmp_path / "bytes.json", lambda: 1e9))


def test_what_rules_ask_for_is_read(machine: Machine) -> None:
    machine.reserve(400, RULES)
    assert machine.conditions(RULES) == Conditions(400, 15.0, 91.0)
    assert machine.conditions(Rules()) == Conditions()
    assert machine.meter.power.source == "ina3221"


def test_a_request_is_counted_before_it_leaves_and_not_if_it_did_not(machine: Machine) -> None:
    machine.reserve(900, RULES)
    with pytest.raises(TooLarge):
        machine.reserve(200, RULES)
    machine.give_back(900)
    machine.give_back(0)
    machine.reserve(200, RULES)
    assert machine.conditions(RULES).sent_today == 200


def test_rules_that_have_nothing_to_be_held_against_are_named(machine: Machine, tmp_path: Path) -> None:
    assert machine.without_effect(RULES) == []
    bare = Machine(tmp_path / "nothing")
    assert len(bare.without_effect(RULES)) == 2
    assert bare.without_effect(Rules()) == []
