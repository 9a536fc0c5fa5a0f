"""`isthmus edge events` as a person runs it."""

import json
import time
from pathlib import Path

import pytest

import isthmus
from edge.agent.events.log.event_log import EventLog, Kept, LogEntry
from edge.agent.events.rules.rule import RuleState
from tests.edge.agent.events.sightings import event

KEPT = Kept(RuleState(), 0.0)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path, now = tmp_path / "events.db", time.time()
    file = EventLog(path, 1e9, 10_000_000)
    file.add(LogEntry(event("old", at=now - 7200, text="a [cat]"), [], KEPT))
    file.add(LogEntry(event("new", at=now - 60), ["plant"], KEPT, b"a jpeg"))
    file.close()
    return path


def test_it_lists_what_was_seen_and_who_has_not_taken_it(
    log: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    assert isthmus.main(["edge", "events", str(log)]) == 0
    said = capsys.readouterr().out
    assert "a [cat]" in said
    assert "plant" in said
    assert "2 events" in said


def test_json_holds_all_of_it_and_since_leaves_out(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert isthmus.main(["edge", "events", str(log), "--json", "--since", "1h"]) == 0
    (told,) = json.loads(capsys.readouterr().out)["events"]
    assert (told["id"], told["phase"], told["event"], told["text"]) == ("new", "begin", "person", "a person")
    assert (told["waiting"], told["thumbnail"]) == (["plant"], True)


def test_a_thumbnail_is_written_to_a_file(
    log: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = tmp_path / "seen.jpg"
    assert isthmus.main(["edge", "events", str(log), "--thumbnail", "new", "-o", str(picture)]) == 0
    assert picture.read_bytes() == b"a jpeg"
    assert isthmus.main(["edge", "events", str(log), "--thumbnail", "old", "-o", str(picture)]) == 3
    assert "no thumbnail of an event 'old'" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        isthmus.main(["edge", "events", str(log), "--thumbnail", "new"])
    assert "goes with -o FILE" in capsys.readouterr().err
