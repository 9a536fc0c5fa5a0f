"""What is around an agent, and can be taken from it and given back."""

import shutil
import struct
import subprocess
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from bench.rig.cloud_process import CloudProcess
from tests.edge.agent.events.sinks.broker import MOSQUITTO, free_port, mosquitto


class ServedCloud:
    """A cloud that is killed, and comes again at the same address. Runs inside `with`."""

    def __init__(self, bundle: Path) -> None:
        self._bundle, self._running = bundle, ExitStack()
        self.address = ""

    def __enter__(self) -> Self:
        self._begin("127.0.0.1:0")
        return self

    def __exit__(self, *_: object) -> None:
        self._running.close()

    def kill(self) -> None:
        self._process.kill()

    def start(self) -> None:
        """Returns once it serves."""
        self._running.close()
        self._begin(self.address)

    def _begin(self, listen: str) -> None:
        self._process = self._running.enter_context(CloudProcess(self._bundle, listen=listen))
        self.address = self._process.address


class Broker:
    """A mosquitto that is stopped and started, where there is one. Runs inside `with`."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._port, self._running = folder, free_port(), ExitStack()
        self.there = bool(shutil.which(MOSQUITTO))

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def sink(self) -> str:
        """As `agent.toml` has it."""
        address = f"mqtt://127.0.0.1:{self._port}"
        return f'\n[[sink]]\nkind = "mqtt"\nname = "desk"\naddress = "{address}"\n' if self.there else ""

    def start(self) -> None:
        if self.there:
            self._running.enter_context(mosquitto(self._folder, self._port))

    def stop(self) -> None:
        self._running.close()


class WallClock:
    """The wall clock of a process in which a library is preloaded; monotonic time goes on as it is."""

    def __init__(self, library: Path, file: Path) -> None:
        self._file = file
        self.preloaded = {"LD_PRELOAD": str(library), "CHAOS_CLOCK": str(file)}

    def step(self, seconds: int) -> None:
        """Set it so many seconds ahead of the true time."""
        with self._file.open("r+b") as file:  # in place: the process has mapped it
            file.write(struct.pack("=q", seconds))


def wall_clock(folder: Path) -> WallClock | None:
    """One that is right until it is stepped; None without a C compiler."""
    if not (compiler := shutil.which("cc")):
        return None
    source, library, file = Path(__file__).with_name("clock.c"), folder / "clock.so", folder / "clock"
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"], check=True)
    file.write_bytes(struct.pack("=q", 0))
    return WallClock(library, file)
