"""A device with a cloud behind a bad link, a broker and a camera."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.network.conditions import MEGABIT, Conditions
from bench.network.emulator import Link
from edge.agent.events.log.reading import read_events
from protos.bundle import Bundle
from tests.chaos.agent_process import AgentProcess
from tests.chaos.ledger import PUSHED, Books
from tests.chaos.parts import Broker, Bundles, ServedCloud, WallClock, bundles, wall_clock
from tests.edge.agent.sources.cameras import ScriptedCamera, http_camera

ORDINARY = Conditions.steady(2 * MEGABIT, round_trip=0.02)
CAMERA = "camera"
_FOR_EVER = 1 << 40  # frames
_SETTINGS = """
bundle = "{bundle}"

[cloud]
address = "{cloud}"

[http]
listen = "127.0.0.1:0"
max-waiting = 64

[outbox]
path = "{outbox}"

[event-log]
path = "{events}"
{sink}
[[source]]
kind = "push"
name = "{pushed}"
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
name = "{camera}"
url = "{url}"
rate = "1/s"

[[source.question]]
name = "color"
text = "what color is the background"
"""


@dataclass(frozen=True)
class Plant:
    """`link` leads to the cloud, `cable` to the camera; `clock` is None without a C compiler. `settings` are
    the agent's, as they were at first.
    """

    cloud: ServedCloud
    link: Link
    cable: Link
    broker: Broker
    clock: WallClock | None
    bundles: Bundles
    agent: AgentProcess
    books: Books
    events: Path
    settings: Path

    def undelivered(self) -> int:
        """Events that the broker has not taken."""
        return sum(bool(logged.waiting) for logged in read_events(self.events, 0))

    def want(self, bundle: Bundle) -> None:
        """Have the agent fetch a bundle, and take it."""
        first = self.settings.read_text().partition("[update]")[0]
        update = f'[update]\nurl = "{self.bundles.url}"\ndigest = "{bundle.digest}"\n'
        self.settings.write_text(first + update)
        self.agent.reload()


@contextmanager
def plant(folder: Path, bundle: Path) -> Iterator[Plant]:
    """It runs, and all of it ends at the end."""
    with ExitStack() as stack:
        served = stack.enter_context(bundles(folder, bundle))
        cloud = stack.enter_context(ServedCloud(served.old.path, served.new.path))
        link = stack.enter_context(Link(cloud.address, ORDINARY))
        camera = stack.enter_context(http_camera(ScriptedCamera(_FOR_EVER, seconds=0.05)))
        cable = stack.enter_context(Link(camera.url.partition("@")[2].partition("/")[0], ORDINARY))
        broker = stack.enter_context(Broker(folder))
        clock, books, events = wall_clock(folder), Books(), folder / "events.db"
        settings = folder / "agent.toml"
        settings.write_text(
            _SETTINGS.format(
                bundle=bundle,
                cloud=link.address,
                outbox=folder / "outbox.db",
                events=events,
                sink=broker.sink,
                pushed=PUSHED,
                camera=CAMERA,
                url=f"http://{cable.address}/live",
            )
        )
        variables = {"ISTHMUS_CACHE": str(folder / "cache")} | (clock.preloaded if clock else {})
        agent = stack.enter_context(AgentProcess(settings, variables, books))
        yield Plant(cloud, link, cable, broker, clock, served, agent, books, events, settings)
