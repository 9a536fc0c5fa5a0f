"""What has been written lasts, whatever happens after it."""

import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from edge.agent.fleet.database import FleetDatabase
from protos.errors import RequestError

WRITER = """
import sys
from pathlib import Path
from edge.agent.fleet.database import FleetDatabase
database = FleetDatabase(Path(sys.argv[1]))
number = int(database.read("number") or b"0")
while True:
    number += 1
    database.write("number", str(number).encode())
    print(number, flush=True)
"""


def test_a_process_that_is_killed_while_it_writes_has_kept_all_that_it_has_told(tmp_path: Path) -> None:
    path, last = tmp_path / "fleet.db", 0
    for lines in (3, 10, 25):
        with subprocess.Popen([sys.executable, "-c", WRITER, path], stdout=subprocess.PIPE) as writer:
            assert writer.stdout
            told = [int(writer.stdout.readline()) for _ in range(lines)]
            writer.send_signal(signal.SIGKILL)
            told += [int(line) for line in writer.stdout.read().split(b"\n")[:-1]]
        assert told[0] >= last + 1
        last = told[-1]
    database = FleetDatabase(path)
    assert int(database.read("number")) >= last
    database.close()


@pytest.mark.parametrize("damage", [b"no database at all" * 500, b"SQLite format 3\0" + b"\xff" * 5000])
def test_a_file_that_is_damaged_is_put_aside_and_said(
    tmp_path: Path, damage: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "fleet.db"
    path.write_bytes(damage)
    database = FleetDatabase(path)
    database.write("a", b"b")
    assert database.read("a") == b"b"
    assert "is damaged" in caplog.text
    assert (tmp_path / "fleet.damaged").read_bytes() == damage
    database.close()


def test_two_agents_do_not_share_one(tmp_path: Path) -> None:
    database = FleetDatabase(tmp_path / "fleet.db")
    with pytest.raises(RequestError, match="is open in another process"):
        FleetDatabase(tmp_path / "fleet.db")
    database.close()


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RequestError, match="set \\$ISTHMUS_CACHE"):
        FleetDatabase(tmp_path / "file" / "fleet.db")


def test_a_full_disk_is_said_and_what_was_kept_is_still_read(tmp_path: Path) -> None:
    path = tmp_path / "fleet.db"
    database = FleetDatabase(path)
    database.write("a", b"before")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size, hard))
    try:
        with pytest.raises(RequestError, match="make room on its disk"):
            database.write("a", b"after" * 50_000)
        assert database.read("a") == b"before"
        database.close()
        database = FleetDatabase(path)
        assert database.read("a") == b"before"
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    database.write("a", b"after")
    assert database.read("a") == b"after"
    database.close()
