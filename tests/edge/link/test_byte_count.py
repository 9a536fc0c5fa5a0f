"""What a device has sent today, by a clock that the test turns."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from edge.link.byte_count import ByteCount
from protos.errors import RequestError, TooLarge

DAY = 86_400.0
NOON = 20_000.5 * DAY


class Wall:
    """A time of day that the test sets."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "bytes.json"


def test_what_is_sent_is_known_to_the_next_process_and_gone_the_next_day(path: Path) -> None:
    wall = Wall()
    ByteCount(path, wall).reserve(700, 1000)
    later = ByteCount(path, wall)
    assert later.today(1000) == 700
    with pytest.raises(TooLarge, match="the request has 301 B, 300 B of the day's bytes are left"):
        later.reserve(301, 1000)
    later.reserve(300, 1000)
    wall.now += DAY
    assert later.today(1000) == 0


def test_what_did_not_leave_is_given_back(path: Path) -> None:
    count = ByteCount(path, Wall())
    count.reserve(700, None)
    count.give_back(600)
    assert count.today(None) == 100
    count.give_back(600)
    assert count.today(None) == 0


def test_the_day_ends_at_midnight_of_utc(path: Path) -> None:
    wall = Wall()
    count = ByteCount(path, wall)
    count.reserve(5, None)
    for seconds, sent in ((0.499 * DAY, 5), (0.501 * DAY, 0)):
        wall.now = NOON + seconds
        assert count.today(None) == sent


def test_a_clock_that_steps_finds_what_each_day_has_sent(path: Path) -> None:
    wall = Wall()
    count = ByteCount(path, wall)
    count.reserve(900, 1000)
    for wrong in (0.0, NOON + 4000 * DAY):  # a device that has lost its clock, and one that is ahead
        wall.now = wrong
        count.reserve(50, 1000)
    wall.now = NOON
    assert count.today(1000) == 900, "the right day is as full as it was"
    wall.now = 0.0
    assert count.today(1000) == 50


def test_the_file_stays_small(path: Path) -> None:
    wall = Wall()
    count = ByteCount(path, wall)
    for _ in range(100):
        wall.now += DAY
        count.reserve(1, None)
    assert len(json.loads(path.read_text())["days"]) < 40
    assert count.today(None) == 1


@pytest.mark.parametrize("content", ["", "[]", '{"days": {"2026-11-30": "many"}}', '{"days": 3}', "\0"])
def test_where_the_count_is_lost_a_limit_cannot_be_held(path: Path, content: str) -> None:
    path.parent.mkdir()
    path.write_text(content)
    count = ByteCount(path, Wall())
    for asked in (lambda: count.today(1000), lambda: count.reserve(1, 1000)):
        with pytest.raises(RequestError, match="remove the file to begin at 0"):
            asked()
    count.reserve(7, None)
    assert count.today(1000) == 7, "and without a limit it begins anew"


def test_without_a_place_there_is_no_limit_to_hold(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (None, tmp_path / "file" / "bytes.json"):
        count = ByteCount(path, Wall())
        count.reserve(7, None)
        with pytest.raises(RequestError, match="ISTHMUS_CACHE"):
            count.reserve(7, 1000)


def test_processes_count_together(path: Path) -> None:
    program = f"""
from pathlib import Path
from edge.link.byte_count import ByteCount
count = ByteCount(Path({str(path)!r}), lambda: {NOON})
for _ in range(40):
    count.reserve(1, None)
"""
    running = [subprocess.Popen([sys.executable, "-c", program]) for _ in range(3)]
    assert [process.wait() for process in running] == [0, 0, 0]
    assert ByteCount(path, Wall()).today(None) == 120
