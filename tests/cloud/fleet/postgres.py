"""A PostgreSQL of Debian's, for the time of a test run."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.ports import free_port

_USER = "postgres"  # the server does not run as root


@contextmanager
def postgres_server(factory: pytest.TempPathFactory) -> Iterator[str]:
    """Its URL. Skips where there is none."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not found or not shutil.which("psql") or (os.getuid() == 0 and not shutil.which("runuser")):
        pytest.skip("no PostgreSQL here (Debian: postgresql): the fleet's database is tested as SQLite alone")
    programs, port = found[-1], free_port()
    folder = Path(tempfile.mkdtemp(prefix="isthmus-postgres-", dir="/tmp"))
    try:
        if os.getuid() == 0:
            shutil.chown(folder, _USER)
        _run([programs / "initdb", "-D", folder / "data", "-U", _USER, "-A", "trust", "-N"])
        options = f"-p {port} -c listen_addresses=127.0.0.1 -k {folder} -c fsync=off"
        _run([programs / "pg_ctl", "-D", folder / "data", "-o", options, "-l", folder / "log", "-w", "start"])
        try:
            yield f"postgresql://{_USER}@127.0.0.1:{port}/postgres"
        finally:
            _run([programs / "pg_ctl", "-D", folder / "data", "-m", "immediate", "stop"])
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _run(command: Sequence[str | Path]) -> None:
    as_user = ["runuser", "-u", _USER, "--"] if os.getuid() == 0 else []
    subprocess.run([*as_user, *command], check=True, stdout=subprocess.DEVNULL, cwd="/tmp")
