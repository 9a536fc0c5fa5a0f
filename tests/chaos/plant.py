"""A device with a cloud behind a bad link, a broker and a camera."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.network.conditions import MEGABIT, Conditions
from bench.network.emulator import Link
from edge.agent.events.log.reading import read_events
from tests.chaos.agent_process import AgentProcess
from tests.chaos.ledger import PUSHED, Books
from tests.chaos.parts import Broker, ServedCloud, WallClock, wall_clock
from tests.edge.agent.sources.cameras import ScriptedCamera, http_camera

ORDINARY = Conditions.steady(2 * MEGABIT, round_trip=0.02)
CAMERA = "camera"
_FOR_EVER = 1 << 40  # frames


@dataclass(frozen=True)
class Plant:
    """`link` leads to the cloud, `cable` to the camera; `clock` is None without a C compiler."""

    cloud: ServedCloud
    link: Link
    cable: Link
    broker: Broker
    clock: WallClock | None
    agent: AgentProcess
    books: Books
    events: Path

    def undelivered(self) -> int:
        """Events that the broker has not taken."""
        return sum(bool(logged.waiting) for logged in read_events(self.events, 0))


@contextmanager
def plant(folder: Path, bundle: Path) -> Iterator[Plant]:
    """It runs, and all of it ends at the end."""
    with ExitStack() as stack:
        cloud = stack.enter_context(ServedCloud(bundle))
        link = stack.enter_context(Link(cloud.address, ORDINARY))
        camera = stack.enter_context(http_camera(ScriptedCamera(_FOR_EVER, seconds=0.05)))
        cable = stack.enter_context(Link(camera.url.partition("@")[2].partition("/")[0], ORDINARY))
        broker = stack.enter_context(Broker(folder))
        clock, books, events = wall_clock(folder), Books(), folder / "events.db"
        settings = folder / "agent.toml"
        settings.write_text(
            f"""
bundle = "{bundle}"

[cloud]
address = "{link.address}"

[http]
listen = "127.0.0.1:0"
max-waiting = 64

[outbox]
path = "{folder / "outbox.db"}"

[event-log]
path = "{events}"
{broker.sink}
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
url = "http://{cable.address}/live"
rate = "1/s"

[[source.question]]
name = "color"
text = "what color is the background"
"""
        )
        variables = {"ISTHMUS_CACHE": str(folder / "cache")} | (clock.preloaded if clock else {})
        agent = stack.enter_context(AgentProcess(settings, variables, books))
        yield Plant(cloud, link, cable, broker, clock, agent, books, events)
