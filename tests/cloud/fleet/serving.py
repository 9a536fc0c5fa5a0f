"""`isthmus fleet serve` as a process, and operators who ask it."""

import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anyio
import httpx

from tests.cloud.fleet.telling import FLEET

BUCKET = "1s"


class Served:
    """A controller's process, and its API."""

    def __init__(self, process: "subprocess.Popen[str]", url: str) -> None:
        self.process, self.url = process, url

    def get(self, path: str) -> dict[str, Any]:
        found: dict[str, Any] = httpx.get(f"{self.url}{path}", timeout=30).json()
        return found

    def post(self, path: str, **body: Any) -> httpx.Response:
        return httpx.post(f"{self.url}/api/v1/{path}", json={"why": "a test", **body}, timeout=60)

    async def until(self, path: str, over: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """What is there once it is so."""
        while True:
            found = await anyio.to_thread.run_sync(self.get, path)
            if over(found):
                return found
            await anyio.sleep(0.1)


@contextmanager
def served(
    database: str, port: int, fleet: str = FLEET, mqtt: Sequence[str | Path] = (), options: Sequence[str] = ()
) -> Iterator[Served]:
    """Until the end of the block, in order. `mqtt`: options about the broker."""
    command = [sys.executable, "-m", "isthmus", "fleet", "serve", "--fleet", fleet, "--database", database]
    command += ["--listen", "127.0.0.1:0", "--bucket", BUCKET, *options]
    command += map(str, mqtt or ("--mqtt", f"mqtt://127.0.0.1:{port}"))
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            lines = iter(process.stdout.readline, "")
            url = next(line for line in lines if line.startswith("listening on")).split()[-1]
            yield Served(process, url)
        finally:
            process.terminate()
