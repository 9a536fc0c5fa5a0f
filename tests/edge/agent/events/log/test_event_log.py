"""The file: what was added is there after anything, and its room is bounded."""

import sqlite3
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from edge.agent.events.log.event_log import EventLog, Kept, LogEntry
from edge.agent.events.log.reading import read_events, read_thumbnail
from edge.agent.events.rules.rule import RuleState
from protos.errors import RequestError
from tests.edge.agent.events.sightings import TAKEN, event

DAY = 86400.0
KEPT = Kept(RuleState(active=True), TAKEN, "a", TAKEN)


@contextmanager
def opened(path: Path, max_bytes: int = 10_000_000) -> Iterator[EventLog]:
    log = EventLog(path, 7 * DAY, max_bytes)
    try:
        yield log
    finally:
        log.close()


def test_each_sink_takes_events_in_their_order(tmp_path: Path) -> None:
    with opened(tmp_path / "log") as log:
        log.add(LogEntry(event("a"), ["web", "mqtt"], KEPT))
        log.add(LogEntry(event("a", "end"), ["web"], KEPT))
        first = log.first("web")
        assert first
        assert first.event == event("a")
        log.taken("web", first.row)
        second = log.first("web")
        assert second
        assert second.event.phase == "end"
        log.taken("web", second.row)
        assert log.first("web") is None
        (mqtt,) = filter(None, [log.first("mqtt")])
        assert mqtt.event == event("a")


def test_another_process_finds_what_waits_and_what_rules_knew(tmp_path: Path) -> None:
    with opened(tmp_path / "log") as log:
        log.add(LogEntry(event("a"), ["web"], KEPT, b"jpeg"))
        log.keep("gate", "change", Kept(RuleState(answer="red"), TAKEN))
    with opened(tmp_path / "log") as log:
        waiting = log.first("web")
        assert waiting
        assert waiting.event == event("a")
        assert log.kept() == {
            ("gate", "person"): KEPT,
            ("gate", "change"): Kept(RuleState(answer="red"), TAKEN),
        }


def test_it_is_for_its_owner_alone_and_can_be_read_meanwhile(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "log"
    with opened(path) as log:
        log.add(LogEntry(event("a"), ["web", "mqtt"], KEPT, b"jpeg"))
        log.add(LogEntry(event("b", at=TAKEN + DAY), [], KEPT))
        first, second = read_events(path, TAKEN - 1)
        assert (first.event, first.waiting, first.thumbnail) == (event("a"), ["mqtt", "web"], True)
        assert (second.waiting, second.thumbnail) == ([], False)
        assert [logged.event.id for logged in read_events(path, TAKEN + 1)] == ["b"]
        assert read_thumbnail(path, "a") == b"jpeg"
        for file in path.parent.iterdir():
            assert stat.S_IMODE(file.stat().st_mode) == 0o600, file.name
    with pytest.raises(RequestError, match="no thumbnail of an event 'b'"):
        read_thumbnail(path, "b")


def test_what_is_too_old_goes_and_is_counted_where_a_sink_had_not_taken_it(tmp_path: Path) -> None:
    with opened(tmp_path / "log") as log:
        for index in range(4):
            log.add(LogEntry(event(str(index), at=TAKEN + index * DAY), ["web"] if index else [], KEPT))
        log.trim(TAKEN + 8.5 * DAY)
        assert [logged.event.id for logged in read_events(tmp_path / "log", 0)] == ["2", "3"]
        assert log.lost == 1
        waiting = log.first("web")
        assert waiting
        assert waiting.event.id == "2"


def test_what_is_too_much_goes_and_its_room_is_given_back(tmp_path: Path) -> None:
    with opened(tmp_path / "log", max_bytes=1_000_000) as log:
        for index in range(60):
            log.add(LogEntry(event(str(index)), [], KEPT, bytes(50_000)))
        assert log.size <= 1_000_000
        ids = [logged.event.id for logged in read_events(tmp_path / "log", 0)]
        assert ids[-1] == "59", "the newest stay"
        assert len(ids) > 10, "and no more goes than has to"


def test_a_full_disk_adds_nothing_and_breaks_nothing(tmp_path: Path) -> None:
    with opened(tmp_path / "log") as log:
        log.add(LogEntry(event("a"), ["web"], KEPT))
        log._file.execute("PRAGMA max_page_count = 16")
        with pytest.raises(sqlite3.OperationalError, match="full"):
            log.add(LogEntry(event("b"), ["web"], KEPT, bytes(200_000)))
        log._file.execute("PRAGMA max_page_count = 100000")
        log.add(LogEntry(event("c"), ["web"], KEPT))
        assert [logged.event.id for logged in read_events(tmp_path / "log", 0)] == ["a", "c"]


def test_a_file_that_is_no_log_of_events_is_left_alone(tmp_path: Path) -> None:
    text, other = tmp_path / "text", tmp_path / "other.db"
    text.write_text("my diary, which is no database at all")
    with sqlite3.connect(other) as file:
        file.execute("CREATE TABLE mine (x)")
    file.close()
    for path in (text, other, tmp_path):
        with pytest.raises(RequestError, match="no log of events"):
            EventLog(path, DAY, 1_000_000)
    for path in (text, other, tmp_path / "none"):
        with pytest.raises(RequestError, match=r"\[event-log\]|no log of events"):
            read_events(path, 0)
    assert text.read_text().startswith("my diary")
