"""A profile that follows what the device's parts really take."""

import dataclasses
import logging
from pathlib import Path

import pytest

from edge.costs.device_times import PIXELS, PREFILL, TOKEN, DeviceTimes
from protos.costs.power import Power
from tests.edge.policy.test_policy import DEVICE

GUESS = dataclasses.replace(
    DEVICE, encode_ms={"connector/fitted-2": 2.0, "jpeg-75": 4.0}, measured=False, pixels_ms=3.0
)
MEASURED = dataclasses.replace(GUESS, measured=True)


def runs(times: DeviceTimes, slower: float, count: int = 10) -> float:
    """The head, so many times slower than the profile says, once a second. Returns when it ended."""
    for now in range(count):
        times.observe({PIXELS: 3.0 * slower, "vision.2": 20.0 * slower}, float(now))
    return float(count)


def test_it_begins_with_the_profile() -> None:
    begun = DeviceTimes(MEASURED).profile(0.0)
    assert dataclasses.replace(begun, doubt=0.0) == MEASURED
    assert begun.doubt > 0.5


def test_a_slow_head_says_that_all_of_the_device_is_slow() -> None:
    times = DeviceTimes(GUESS)
    now = runs(times, 16.0)
    believed = times.profile(now)
    assert believed.head_ms("vision.2") == pytest.approx(16 * 23, rel=0.1)
    assert believed.head_ms(None) == pytest.approx(16 * 63, rel=0.3)
    assert believed.answer_ms(1, None, 4) == pytest.approx(16 * (63 + 200), rel=0.4)
    assert believed.encode_ms["jpeg-75"] == pytest.approx(16 * 4, rel=0.5)
    assert believed.doubt < 0.4


def test_the_local_model_has_times_of_its_own() -> None:
    times = DeviceTimes(MEASURED)
    for now in range(10):
        times.observe({PIXELS: 3.0, "vision.2": 20.0, PREFILL: 300.0, TOKEN: 75.0}, float(now))
    believed = times.profile(10.0)
    assert believed.prefill_ms > 200
    assert believed.head_ms("vision.2") == pytest.approx(23, rel=0.25)


def test_the_next_process_remembers(tmp_path: Path) -> None:
    times, path = DeviceTimes(GUESS), tmp_path / "times.json"
    for now in range(600):
        times.observe({"vision.2": 320.0}, float(now))
    times.save(path, wall=1000.0)
    later = DeviceTimes(GUESS, now=7.0)
    later.load(path, now=7.0, wall=1060.0)
    assert later.profile(7.0).head_ms("connector") > 6 * 63


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{}", b"\xff", b'{"saved_at": 0, "factors": {"slow": 1e999}}']
)
def test_a_broken_memory_is_ignored_with_a_warning(
    content: bytes, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "times.json"
    path.write_bytes(content)
    times = DeviceTimes(GUESS)
    with caplog.at_level(logging.WARNING):
        times.load(path, now=0.0, wall=0.0)
    assert "is ignored" in caplog.text
    assert times.profile(0.0) == DeviceTimes(GUESS).profile(0.0)


def test_a_place_that_cannot_be_written_is_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    DeviceTimes(GUESS).save(tmp_path / "file" / "times.json", wall=0.0)
    assert "not remembered" in caplog.text
    DeviceTimes(GUESS).save(None, wall=0.0)


POWER = Power("a board", busy_watts=10.0, waiting_watts=4.0, joules_a_megabyte=3.0)


def test_energy_is_learned_of_each_place_and_remembered(tmp_path: Path) -> None:
    times, path = DeviceTimes(MEASURED, power=POWER), tmp_path / "times.json"
    expected = POWER.joules(100, 50, 0, remote=True)
    for now in range(10):
        times.observe_energy(3 * expected + 3.0, 100, 50, 1_000_000, float(now), remote=True)
    learned = times.power(10.0)
    assert learned.there == pytest.approx(3, rel=0.15)
    assert learned.here < learned.there
    times.save(path, wall=100.0)
    same, other = DeviceTimes(MEASURED, power=POWER), DeviceTimes(MEASURED)
    same.load(path, now=0.0, wall=100.0)
    other.load(path, now=0.0, wall=100.0)
    assert same.power(0.0).there > 1.5
    assert other.power(0.0).there == 1.0, "what a board takes says nothing of a model"
    assert other.profile(0.0).pieces == same.profile(0.0).pieces
