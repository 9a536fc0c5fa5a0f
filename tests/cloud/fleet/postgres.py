"""A PostgreSQL of Debian's, for the time of a test run."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from bench.rig.ports import free_port

_USER = "postgres"  # the server does not run as root


class Postgres:
    """A server that can be stopped and started."""

    def __init__(self, programs: Path, folder: Path, port: int) -> None:
        self._programs, self._folder, self._port = programs, folder, port
        _run([programs / "initdb", "-D", folder / "data", "-U", _USER, "-A", "trust", "-N"])
        self.start()

    def url(self, database: str = "postgres") -> str:
        return f"postgresql://{_USER}@127.0.0.1:{self._port}/{database}"

    def create(self, database: str) -> str:
        """An empty database's URL."""
        words = [
            word
            for verb in ("DROP DATABASE IF EXISTS", "CREATE DATABASE")
            for word in ("-c", f"{verb} {database}")
        ]
        subprocess.run(["psql", "-q", self.url(), *words], check=True, stderr=subprocess.DEVNULL)
        return self.url(database)

    def start(self) -> None:
        options = f"-p {self._port} -c listen_addresses=127.0.0.1 -k {self._folder} -c fsync=off"
        self._control("-o", options, "-l", str(self._folder / "log"), "-w", "start")

    def stop(self) -> None:
        self._control("-m", "immediate", "stop")

    def _control(self, *words: str) -> None:
        _run([self._programs / "pg_ctl", "-D", self._folder / "data", *words])


@contextmanager
def postgres_server() -> Iterator[Postgres]:
    """Skips where there is none."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not found or not shutil.which("psql") or (os.getuid() == 0 and not shutil.which("runuser")):
        pytest.skip("no PostgreSQL here (Debian: postgresql): the fleet's database is tested as SQLite alone")
    folder = Path(tempfile.mkdtemp(prefix="isthmus-postgres-", dir="/tmp"))
    try:
        if os.getuid() == 0:
            shutil.chown(folder, _USER)
        server = Postgres(found[-1], folder, free_port())
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _run(command: Sequence[str | Path]) -> None:
    as_user = ["runuser", "-u", _USER, "--"] if os.getuid() == 0 else []
    subprocess.run([*as_user, *command], check=True, stdout=subprocess.DEVNULL, cwd="/tmp")
