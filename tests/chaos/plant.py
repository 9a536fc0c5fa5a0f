"""A device with a cloud behind a bad link, a broker and a camera, and how each is made to fail."""

import shutil
import struct
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from bench.network.conditions import KILOBIT, MEGABIT, Conditions, Steady
from bench.network.emulator import Link
from bench.rig.cloud_process import CloudProcess
from edge.agent.events.log.reading import read_events
from tests.chaos.agent_process import AgentProcess
from tests.chaos.ledger import PUSHED, Ledger
from tests.edge.agent.events.sinks.broker import MOSQUITTO, free_port, mosquitto
from tests.edge.agent.sources.cameras import ScriptedCamera, http_camera

ORDINARY = Conditions.steady(2 * MEGABIT, round_trip=0.02)
SLOW = Conditions.steady(0.2 * MEGABIT, round_trip=0.02)
DELAYED = Conditions.steady(2 * MEGABIT, round_trip=10.0, buffer=4 << 20)  # 5 s each way
CRAWLING = Conditions(ORDINARY.up, Steady(4 * KILOBIT), ORDINARY.round_trip)  # on the way back
CAMERA = "camera"
_FOR_EVER = 1 << 40  # frames


class Plant:
    """`link` leads to the cloud, `cable` to the camera. `ledger` is the one that is filled now."""

    def __init__(self, folder: Path, bundle: Path, stack: ExitStack) -> None:
        self._folder, self._bundle, self._stack = folder, bundle, stack
        self.events = folder / "events.db"
        self.ledger = Ledger()
        self._cloud = stack.enter_context(CloudProcess(bundle))
        self.link = stack.enter_context(Link(self._cloud.address, ORDINARY))
        camera = stack.enter_context(http_camera(ScriptedCamera(_FOR_EVER, seconds=0.05)))
        address = camera.url.partition("@")[2].partition("/")[0]
        self.cable = stack.enter_context(Link(address, ORDINARY))
        self._broker_port, self._broker = free_port(), stack.enter_context(ExitStack())
        self.has_broker = bool(shutil.which(MOSQUITTO))
        self.start_broker()
        self._clock = self._made_clock()
        self.agent = stack.enter_context(self._agent())

    def next_ledger(self) -> Ledger:
        """For the next questions; what is still said of the last ones is no longer noted."""
        self.ledger = Ledger(before=self.ledger.frame)
        return self.ledger

    def kill_cloud(self) -> None:
        """While answers are on their way, some half told."""
        self.link.set(CRAWLING)
        time.sleep(1)
        self._cloud.kill()
        self.link.set(ORDINARY)

    def start_cloud(self) -> None:
        """At the same address."""
        self._cloud.__exit__(None, None, None)
        self._cloud = self._stack.enter_context(CloudProcess(self._bundle, listen=self._cloud.address))

    def stop_broker(self) -> None:
        self._broker.close()

    def start_broker(self) -> None:
        if self.has_broker:
            self._broker.enter_context(mosquitto(self._folder, self._broker_port))

    def step_clock(self, seconds: int) -> None:
        """Set the device's wall clock so many seconds ahead of the true one."""
        if not self._clock:
            pytest.skip("no C compiler here")
        with self._clock.open("r+b") as file:
            file.write(struct.pack("=q", seconds))

    def undelivered(self) -> int:
        """Events that the broker has not taken."""
        return sum(bool(logged.waiting) for logged in read_events(self.events, 0)) if self.has_broker else 0

    def _made_clock(self) -> Path | None:
        """The file that holds by how much the wall clock is set; None without a compiler."""
        if not (compiler := shutil.which("cc")):
            return None
        source, library = Path(__file__).with_name("clock.c"), self._folder / "clock.so"
        subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"], check=True)
        clock = self._folder / "clock"
        clock.write_bytes(struct.pack("=q", 0))
        return clock

    def _agent(self) -> AgentProcess:
        settings = self._folder / "agent.toml"
        settings.write_text(self._settings())
        variables = {"ISTHMUS_CACHE": str(self._folder / "cache")}
        if self._clock:
            library = str(self._folder / "clock.so")
            variables |= {"LD_PRELOAD": library, "CHAOS_CLOCK": str(self._clock)}
        return AgentProcess(settings, variables, self._printed, self._logged)

    def _printed(self, line: dict[str, Any]) -> None:
        self.ledger.printed(line)

    def _logged(self, line: str) -> None:
        self.ledger.logged(line)

    def _settings(self) -> str:
        sink = f"""
[[sink]]
kind = "mqtt"
name = "desk"
address = "mqtt://127.0.0.1:{self._broker_port}"
"""
        return f"""
bundle = "{self._bundle}"

[cloud]
address = "{self.link.address}"

[http]
listen = "127.0.0.1:0"
max-waiting = 64

[outbox]
path = "{self._folder / "outbox.db"}"

[event-log]
path = "{self.events}"
{sink if self.has_broker else ""}
[[source]]
kind = "push"
name = "{PUSHED}"
rate = "100/s"
queue = 64
rules = {{local = false}}

[[source.question]]
name = "what"
text = "describe the image"
defer = "24h"

[[source.question.event]]
name = "changed"
changed = true

[[source]]
kind = "stream"
name = "{CAMERA}"
url = "http://{self.cable.address}/live"
rate = "1/s"

[[source.question]]
name = "color"
text = "what color is the background"
"""


@contextmanager
def plant(folder: Path, bundle: Path) -> Iterator[Plant]:
    """It runs, and all of it ends at the end."""
    with ExitStack() as stack:
        yield Plant(folder, bundle, stack)
