"""A real Redis, that can be stopped and started."""

import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

REDIS = shutil.which("redis-server")
redis_only = pytest.mark.skipif(
    not REDIS, reason="no redis-server here (Debian: redis-server): nothing of Redis is tested"
)


@contextmanager
def redis_server(folder: Path) -> Iterator[str]:
    """Its URL; it listens in this folder and writes nothing to disk."""
    place = folder / "redis.socket"
    options = ("--port", "0", "--unixsocket", place, "--dir", folder, "--save", "", "--appendonly", "no")
    with subprocess.Popen([REDIS or "", *options], stdout=subprocess.DEVNULL) as process:
        try:
            _await(process, place)
            yield f"unix://{place}"
        finally:
            process.kill()


def _await(process: "subprocess.Popen[bytes]", place: Path) -> None:
    while process.poll() is None:
        with socket.socket(socket.AF_UNIX) as tried:
            try:
                tried.connect(str(place))
            except OSError:
                continue
            return
    raise AssertionError(f"redis-server ended with status {process.returncode}")
