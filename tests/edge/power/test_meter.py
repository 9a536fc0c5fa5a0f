"""Which meter a machine is measured by."""

from pathlib import Path

from edge.power.meter import open_meter
from tests.edge.power.boards import jetson, processor, write


def source(sysfs: Path) -> str:
    return open_meter(sysfs).power.source


def test_the_board_is_better_than_the_processor_and_that_than_a_model(tmp_path: Path) -> None:
    assert source(tmp_path) == "model"
    processor(tmp_path, 5)
    assert source(tmp_path) == "rapl"
    jetson(tmp_path)
    assert source(tmp_path) == "ina3221"


def test_what_cannot_be_read_is_no_meter(tmp_path: Path) -> None:
    write(tmp_path, {"class/powercap/intel-rapl:0/name": "package-0"})
    jetson(tmp_path)
    write(tmp_path, {"bus/i2c/drivers/ina3221/1-0040/hwmon/hwmon3/curr1_input": "n/a"})
    assert source(tmp_path) == "model"


def test_every_meter_says_what_it_measures(tmp_path: Path) -> None:
    assert open_meter(tmp_path).words.startswith("a model, not a measurement: ")
    assert "whole board" in open_meter(jetson(tmp_path)).words
