"""The log as a file that several processes write."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from edge.decision_log.log_file import append, check_log, older, read_log
from protos.errors import RequestError
from tests.edge.decision_log.records import record
from tests.house import ROOT


def test_what_is_appended_is_read_in_order(tmp_path: Path) -> None:
    path = tmp_path / "logs" / "decisions.jsonl"
    records = [record(promised=number / 10) for number in range(3)]
    for one in records:
        append(path, one)
    assert read_log(path) == (records, [])


def test_only_its_owner_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "decisions.jsonl"
    path.touch(0o644)
    append(path, record())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_it_is_rotated_at_its_bound_and_two_files_are_all(tmp_path: Path) -> None:
    path = tmp_path / "decisions.jsonl"
    bound = 3 * len(record().line())
    for number in range(10):
        append(path, record(promised=number / 10), max_bytes=bound)
        assert path.stat().st_size <= bound
    assert sorted(place.name for place in tmp_path.iterdir()) == ["decisions.jsonl", "decisions.jsonl.1"]
    assert stat.S_IMODE(older(path).stat().st_mode) == 0o600
    records, bad = read_log(path)
    assert [one.promised for one in records] == [number / 10 for number in range(6, 10)]
    assert not bad


def test_bad_lines_are_named_and_the_others_read(tmp_path: Path) -> None:
    path = tmp_path / "decisions.jsonl"
    append(path, record())
    with path.open("ab") as stream:
        stream.write(b'{"format":1,"at":"half a li\n' + b"\xff\xfe\n" + b"[" * 9000 + b"\n")
    append(path, record())
    records, bad = read_log(path)
    assert len(records) == 2
    assert [line.place for line in bad] == [f"{path}, line {number}" for number in (2, 3, 4)]


def test_processes_write_whole_lines_and_lose_none_to_rotation(tmp_path: Path) -> None:
    path, count = tmp_path / "decisions.jsonl", 40
    program = f"""
from pathlib import Path
from edge.decision_log.log_file import append
from tests.edge.decision_log.records import record
for _ in range({count}):
    append(Path({str(path)!r}), record(), max_bytes={2 * count * len(record().line())})
"""
    command = [sys.executable, "-c", program]
    running = [
        subprocess.Popen(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}) for _ in "123"
    ]
    assert [process.wait() for process in running] == [0, 0, 0]
    records, bad = read_log(path)
    assert (len(records), bad) == (3 * count, [])


def test_what_is_no_log_is_left_alone(tmp_path: Path) -> None:
    diary = tmp_path / "diary.txt"
    diary.write_text("Dear diary")
    with pytest.raises(RequestError, match="no log of decisions"):
        check_log(diary)
    with pytest.raises(RequestError):
        check_log(tmp_path)
    older(tmp_path / "log").write_text("mine")
    with pytest.raises(RequestError, match=r"log\.1 is not"):
        check_log(tmp_path / "log")
    check_log(tmp_path / "new" / "log")


def test_a_log_that_is_not_there_says_where_it_comes_from(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="isthmus ask --log FILE"):
        read_log(tmp_path / "none.jsonl")
