"""The agent run: `isthmus edge run`, with its cameras, its cloud and its broker, all on loopback."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import httpx

from bench.rig.cloud_process import CloudProcess
from bench.rig.watched_process import WatchedProcess
from deploy.demo.agent import asking
from deploy.demo.agent.agent_record import AgentRecord, SeenEvent
from deploy.demo.agent.belt import SECONDS, frame
from deploy.demo.agent.broker import HeardEvents, local_broker
from deploy.demo.agent.camera import drawn_cameras
from deploy.demo.agent.configuration import QUESTION, Places, agent_toml, event_log
from edge.agent.events.log.reading import read_events
from protos.bundle import Bundle
from protos.errors import CloudError

LEAST_SECONDS = 2 * SECONDS + 1  # two shapes come and go
_MOST_SECONDS = 60.0
_LOOK_SECONDS = 0.5


@dataclass(frozen=True)
class RunningAgent:
    """It watches. `address`: of its pages and of OpenAI's API; `settings`: its agent.toml."""

    process: WatchedProcess
    places: Places
    settings: Path
    heard: HeardEvents

    @property
    def address(self) -> str:
        return self.process.address

    @property
    def log(self) -> Path:
        return event_log(self.places)

    def watched(self, tell: Callable[[AgentRecord], None]) -> AgentRecord:
        """Let it watch for some seconds, longer where something has not come yet, a minute at most; `tell`
        is told how far it is. Raises CloudError where it ends.
        """
        begun = time.monotonic()
        record = AgentRecord(0.0, self.settings.read_text(encoding="utf-8"))
        while (seconds := time.monotonic() - begun) < LEAST_SECONDS or record.missing:
            if seconds > _MOST_SECONDS:
                return record
            try:
                record = self._now(replace(record, seconds=seconds))
            except httpx.HTTPError as error:
                raise CloudError(
                    f"the agent does not answer ({error}); it said:\n{self.process.output}"
                ) from error
            tell(record)
            time.sleep(_LOOK_SECONDS)
        return record

    def _now(self, before: AgentRecord) -> AgentRecord:
        found = asking.samples(self.address)
        counts = {name: round(sum(values.values())) for name, values in found.items()}
        answers = {route: round(count) for route, count in found.get("isthmus_answers_total", {}).items()}
        return replace(
            before,
            answers=answers,
            read=counts.get("isthmus_source_read_total", 0),
            dropped=counts.get("isthmus_source_dropped_total", 0),
            gated=counts.get("isthmus_source_gated_total", 0),
            failed=counts.get("isthmus_source_failed_total", 0),
            sent_bytes=counts.get("isthmus_sent_bytes_total", 0),
            events=self._events(),
            delivered=self.heard.count,
            live_page=asking.live_page_answers(self.address),
            reply=before.reply or asking.reply(self.address, _png(), QUESTION, "1"),
        )

    def _events(self) -> list[SeenEvent]:
        return [
            SeenEvent(one.at.timestamp(), one.source, one.event, one.phase, one.text)
            for one in (logged.event for logged in read_events(self.log, 0.0))
        ]


@contextmanager
def running_agent(bundle: Bundle, pictures: Path) -> Iterator[RunningAgent]:
    """An agent that has begun; what it keeps goes with it. `pictures`: a folder of which programs may name
    files. Raises CloudError where it, or its cloud, does not come up.
    """
    with (
        TemporaryDirectory(prefix="isthmus-demo-") as kept,
        CloudProcess(bundle.path) as cloud,
        drawn_cameras() as cameras,
        local_broker() as heard,
    ):
        folder = Path(kept)
        places = Places(bundle.path.resolve(), folder, pictures.resolve(), cloud.address, cameras, heard.port)
        settings = folder / "agent.toml"
        settings.write_text(agent_toml(places), encoding="utf-8")
        run, own = ("edge", "run", settings), {"ISTHMUS_CACHE": str(folder / "cache")}
        with WatchedProcess("the agent", run, "HTTP at ", variables=own) as process:
            yield RunningAgent(process, places, settings, heard)


def stay(agent: RunningAgent) -> None:
    """Until Ctrl-C, or until the agent ends, which raises CloudError."""
    with suppress(KeyboardInterrupt):
        status = agent.process.wait()
        raise CloudError(f"the agent ended with status {status}; it said:\n{agent.process.output}")


def _png() -> bytes:
    """The belt with a square on it."""
    return cv2.imencode(".png", frame(0, SECONDS / 2)[..., ::-1])[1].tobytes()
