"""A slow scene, watched with a real service: what its frames cost on the wire, and the cloud's model."""

import asyncio
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from bench.network.conditions import MEGABIT, Conditions
from bench.network.emulator import Link
from cloud.models.tail import Tail
from edge.agent.budgets.day import DayBudgets
from edge.agent.config.reading import settings_of
from edge.agent.observing.asking import SharedOrchestrator
from edge.agent.observing.standing_answer import StandingAnswer
from edge.agent.observing.watcher import Watcher
from edge.agent.sources.opening import Inboxes, Opening
from edge.agent.status.counters import SourceCounters, SourceCounts
from edge.link.client import CloudClient
from edge.pictures.resampling import Picture
from edge.requests.orchestrator import Orchestrator
from edge.requests.turn import Priority
from protos.arms.rules import Rules
from protos.bundle import Bundle
from protos.costs.profile import DeviceProfile
from protos.costs.weights import Weights
from splitter.nano import scenes
from tests.cloud.calling import FP32, calling, noted

FAST = Conditions.steady(1000 * MEGABIT, round_trip=0.001)
ROUTE = "split@connector/fitted-4"
SPLIT = {"local": False, "route": ROUTE}
QUESTION, HOW_MANY = "describe the image", "how many squares are there?"
STILL, OTHER = scenes.picture(77).image, scenes.picture(79).image


@pytest.fixture(scope="module")
def tail(bundle: Bundle) -> Tail:
    return Tail(bundle, FP32)


@pytest.fixture
def runs(tail: Tail, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """One more for every frame that the cloud's model is run for."""
    return noted(tail, monkeypatch)


def grainy(image: Picture, count: int) -> list[Picture]:
    """A scene in which nothing happens, as a sensor sees it."""
    noise = np.random.default_rng(0)
    return [(image + noise.normal(0, 9, image.shape)).clip(0, 255).astype(np.uint8) for _ in range(count)]


@dataclass
class Watched:
    """What became of one source."""

    seen: list[StandingAnswer]
    counts: SourceCounts

    def texts(self, question: str) -> list[str]:
        return [answer.text for answer in self.seen if answer.question == question.partition(" ")[0]]


class Agent:
    """Watches clips, each a source with questions of its own, at once."""

    def __init__(self, folder: Path, bundle: Bundle, client: CloudClient) -> None:
        self._folder = folder
        self.orchestrator = Orchestrator(bundle, client, DeviceProfile.from_bundle(bundle))
        self._asking = SharedOrchestrator(self.orchestrator, Priority.STANDING)

    async def watch(self, name: str, frames: Sequence[Picture], *questions: str, threshold: float) -> Watched:
        path = self._folder / f"{name}.avi"
        writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10.0, (128, 128))
        for frame in frames:
            writer.write(frame[..., ::-1])
        writer.release()
        clip = {"kind": "video", "name": name, "path": str(path), "own-pace": False, "rate": "1000/s"}
        asked = [{"name": text.partition(" ")[0], "text": text, "threshold": threshold} for text in questions]
        (source,) = settings_of({"source": [clip | {"question": asked, "rules": SPLIT}]}).source
        watched, counters = Watched([], SourceCounts()), SourceCounters()

        async def see(answer: StandingAnswer) -> None:
            watched.seen.append(answer)

        assert source.rules
        rules, budgets = source.rules.rules(), DayBudgets()
        watcher = Watcher(source, self._asking, [see], rules, Weights(), counters=counters, budgets=budgets)
        await watcher.run(Opening(Inboxes()))
        return replace(watched, counts=counters.snapshot())


def ask_each(orchestrator: Orchestrator, frames: Sequence[Picture]) -> None:
    """In a request of its own."""
    rules = Rules(allow_local=False, route=ROUTE)
    for frame in frames:
        orchestrator.answer(orchestrator.view(frame, "gate"), QUESTION, rules)


@pytest.mark.asyncio
async def test_a_slow_scene_takes_few_bytes_and_the_model_seldom_runs(
    tail: Tail, runs: list[str], tmp_path: Path
) -> None:
    """Beside single requests about the same frames, all bytes on the TCP connection counted."""
    frames = grainy(STILL, 30)
    async with calling(tail) as caller:
        with ExitStack() as opened:
            link = opened.enter_context(Link(caller.service.address, FAST))
            client = opened.enter_context(CloudClient(link.address))
            agent = Agent(tmp_path, tail.bundle, client)
            found = await agent.watch("gate", frames, QUESTION, threshold=0.02)
            sent, came, ran = link.up.taken, link.down.taken, len(runs)
            await asyncio.to_thread(ask_each, agent.orchestrator, frames)
            single_sent, single_came = link.up.taken - sent, link.down.taken - came
    assert len(runs) - ran == 30
    assert ran <= 10
    assert sent < single_sent / 2
    assert came < single_came / 3
    assert found.counts.as_before == sum(one.reused is not None for one in found.seen) >= 20
    assert {one.text for one in found.seen if one.reused} == {found.seen[0].text}


@pytest.mark.asyncio
async def test_answers_change_with_the_scene_for_each_question_of_two_sources(
    tail: Tail, tmp_path: Path
) -> None:
    one, other = grainy(STILL, 3) + grainy(OTHER, 3), grainy(OTHER, 3) + grainy(STILL, 3)
    async with calling(tail) as caller:
        with CloudClient(caller.service.address) as client:
            agent = Agent(tmp_path, tail.bundle, client)
            found = await asyncio.gather(
                agent.watch("gate", one, QUESTION, threshold=0.02),
                agent.watch("dock", other, QUESTION, HOW_MANY, threshold=0.02),
            )
            await caller.until_idle()
    gate, dock = (watched.texts(QUESTION) for watched in found)
    assert gate[:3] == dock[3:] == [gate[0]] * 3
    assert gate[3:] == dock[:3] == [gate[3]] * 3
    assert gate[0] != gate[3]
    assert len(found[1].texts(HOW_MANY)) == 6
