"""The broker and the controllers, as processes that can be killed."""

import shutil
import socket
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

from bench.rig.ports import free_port
from bench.rig.watched_process import WatchedProcess
from protos.errors import CloudError, RequestError

_ANNOUNCED = "listening on "
_USUAL = "/usr/sbin/mosquitto"  # where Debian has it, which is on no user's path


class MosquittoProcess:
    """A mosquitto of its own, which keeps nothing on disk; runs inside `with`. Raises RequestError where
    there is none.
    """

    def __init__(self, folder: Path) -> None:
        self._program = shutil.which("mosquitto") or shutil.which(_USUAL)
        if not self._program:
            raise RequestError("there is no mosquitto here; install it (Debian: mosquitto)")
        self._port = free_port()
        self._config = folder / "mosquitto.conf"
        lines = (
            f"listener {self._port} 127.0.0.1",
            "allow_anonymous true",
            "user root",
            "max_queued_messages 100000",
        )
        self._config.write_text("\n".join((*lines, "")), encoding="utf-8")

    @property
    def address(self) -> str:
        return f"mqtt://127.0.0.1:{self._port}"

    @property
    def pid(self) -> int:
        return self._process.pid

    def start(self) -> None:
        """Returns once it listens. Raises CloudError where it does not."""
        self._process = subprocess.Popen(  # noqa: S603 - the program that was found
            [str(self._program), "-c", self._config], stderr=subprocess.DEVNULL
        )
        while self._process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self._port), 1).close()
            except OSError:
                continue
            return
        raise CloudError(f"mosquitto ended with status {self._process.returncode}")

    def stop(self) -> None:
        """All that it remembered is gone."""
        self._process.terminate()
        self._process.wait()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


class ControllerProcess(WatchedProcess):
    """`isthmus fleet serve`."""

    def __init__(self, broker: str, database: str, fleet: str, bucket: float) -> None:
        words = ["fleet", "serve", "--fleet", fleet, "--mqtt", broker, "--database", database]
        words += ["--listen", "127.0.0.1:0", "--bucket", f"{bucket:g}s"]
        super().__init__("the controller", words, _ANNOUNCED)
