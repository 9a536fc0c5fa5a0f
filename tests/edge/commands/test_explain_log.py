"""`isthmus edge explain` as a person runs it."""

import json
from pathlib import Path

import pytest

import isthmus
from edge.decision_log.log_file import append
from tests.edge.decision_log.records import record


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "decisions.jsonl"
    for _ in range(3):
        append(path, record(deadline_ms=200.0, promised=0.9))
    with path.open("a") as stream:
        stream.write("half a line\n")
    return path


def test_it_says_how_right_and_how_good(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert isthmus.main(["edge", "explain", str(log)]) == 0
    said = capsys.readouterr().out
    assert "network" in said
    assert "deadlines: 100.0% of 3 met, 90.0% promised" in said
    assert "taken 100.0% of 3 times" in said
    assert f"no record: {log}, line 4 (" in said


def test_json_holds_all_of_it(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert isthmus.main(["edge", "explain", str(log), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["requests"], told["judged"], told["met"]) == (3, 3, 1.0)
    assert [line["place"] for line in told["bad_lines"]] == [f"{log}, line 4"]
    assert {stage["median"] for stage in told["stages"]} == {1.0}


def test_a_log_that_is_not_there_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert isthmus.main(["edge", "explain", str(tmp_path / "none")]) == 3
    assert "isthmus ask --log" in capsys.readouterr().err
