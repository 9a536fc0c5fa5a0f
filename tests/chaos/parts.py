"""What is around an agent, and can be taken from it and given back."""

import shutil
import struct
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from bench.rig.cloud_process import CloudProcess
from bench.rig.ports import free_port
from protos.bundle import MANIFEST, Bundle, write_manifest
from tests.edge.agent.events.sinks.broker import MOSQUITTO, mosquitto
from tests.edge.agent.update.archives import ArchiveServer, another, archive_server, packed


class ServedCloud:
    """A cloud that is killed, and comes again at the same address. Runs inside `with`."""

    def __init__(self, *bundles: Path) -> None:
        self._bundles, self._running = bundles, ExitStack()
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
        self._process = self._running.enter_context(CloudProcess(*self._bundles, listen=listen))
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


@dataclass(frozen=True)
class Bundles:
    """The bundle that an agent begins with is `old`; `server` has the others: `new`, which the cloud serves
    too, and `mute`, whose files are whole, which opens, and which nobody answers with.
    """

    old: Bundle
    new: Bundle
    mute: Bundle
    server: ArchiveServer

    @property
    def url(self) -> str:
        """As `agent.toml` has it."""
        return f"{self.server.url}/{{digest}}.tar"


@contextmanager
def bundles(folder: Path, old: Path) -> Iterator[Bundles]:
    """They lie in a folder, and are served."""
    new, mute = another(old, folder / "new"), another(old, folder / "mute")
    mute.manifest.ClearField("local")
    (mute.path / MANIFEST).unlink()
    write_manifest(mute.path, mute.manifest)
    with archive_server() as server:
        found = Bundles(Bundle.open(old), new, Bundle.open(mute.path), server)
        for bundle in (found.new, found.mute):
            server.files[f"/{bundle.digest}.tar"] = packed(bundle, folder)
        yield found


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
