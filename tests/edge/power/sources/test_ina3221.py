"""A Jetson's board, played by files."""

from contextlib import suppress
from pathlib import Path
from threading import active_count
from time import monotonic, sleep

import pytest

from edge.power.sources.ina3221 import SAMPLE_SECONDS, Ina3221
from tests.edge.power.boards import jetson


def meter(sysfs: Path) -> Ina3221:
    found = Ina3221.find(sysfs)
    assert found
    return found


def test_watts_are_of_the_rail_that_feeds_the_board(tmp_path: Path) -> None:
    assert meter(jetson(tmp_path, 5000, 2000)).watts() == pytest.approx(10.0)


def test_joules_are_watts_times_seconds(tmp_path: Path) -> None:
    begun = monotonic()
    with meter(jetson(tmp_path, 5000, 2000)).measure() as running:
        sleep(3 * SAMPLE_SECONDS)
        joules = running.joules(sent=10**9)
        least = 10.0 * 3 * SAMPLE_SECONDS
    assert least * 0.9 <= joules <= 10.0 * (monotonic() - begun)


def test_what_happens_between_the_ends_counts(tmp_path: Path) -> None:
    with meter(jetson(tmp_path, 5000, 0)).measure() as running:
        jetson(tmp_path, 5000, 2000)
        sleep(5 * SAMPLE_SECONDS)
        jetson(tmp_path, 5000, 0)
        sleep(2 * SAMPLE_SECONDS)
        assert running.joules(0) > 10.0 * SAMPLE_SECONDS


def test_a_board_that_is_silent_for_a_while_is_taken_to_go_on(tmp_path: Path) -> None:
    with meter(jetson(tmp_path, 5000, 2000)).measure() as running:
        (tmp_path / "bus/i2c/drivers/ina3221/1-0040/hwmon/hwmon3/in1_input").unlink()
        sleep(2 * SAMPLE_SECONDS)
        jetson(tmp_path, 5000, 2000)
        assert running.joules(0) >= 10.0 * 2 * SAMPLE_SECONDS * 0.9


def test_nothing_samples_once_it_has_ended(tmp_path: Path) -> None:
    before = active_count()
    running = meter(jetson(tmp_path)).measure()
    with suppress(KeyError), running:
        assert active_count() == before + 1
        raise KeyError
    assert active_count() == before
