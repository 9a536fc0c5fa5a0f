"""Answers held against the whole model's: which, and never at anybody's cost."""

import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import anyio
import anyio.to_thread
import grpc
import pytest

from edge.agent.fleet.accuracy import agreement
from edge.agent.fleet.accuracy.agreement import Agreement, Compared, HourlyBytes, SampleTerms, way_to_whole
from edge.agent.observing.standing_answer import AskedTerms, StandingAnswer
from edge.agent.sources.frame import Frame
from edge.link.byte_count import ByteCount
from edge.link.client import CloudClient
from edge.requests.machine import Machine
from edge.requests.orchestrator import Orchestrator
from edge.testing.scripted_cloud import ScriptedCloud, falls_silent, refuses, says, serving
from protos import inference_pb2 as pb
from protos.arms.rules import Rules
from protos.bundle import Bundle
from protos.costs.profile import DeviceProfile
from protos.costs.weights import Weights
from splitter.nano.scenes import picture
from tests.edge.agent.events.sinks.feeding import until

PICTURE, QUESTION = picture(77).image, "describe the image"
THRIFTY = Weights(kilobyte=1e9)  # the device answers, where it may


class Device:
    """Which has every answer compared that may be."""

    def __init__(self, orchestrator: Orchestrator) -> None:
        self.orchestrator, self.sample_terms = orchestrator, SampleTerms(100.0, 1_000_000)
        self.found: list[Compared] = []
        self.budget_left = True

    def may_spend(self, source: str) -> bool:
        return self.budget_left and source == "gate"

    def compared(self, found: Compared) -> None:
        self.found.append(found)

    def answered(self, temperature: float = 0.0, **rules: object) -> StandingAnswer:
        """A question about a frame of the gate."""
        generation = pb.Generation(max_tokens=8, temperature=temperature)
        terms = AskedTerms(QUESTION, Rules(**rules), generation)  # type: ignore[arg-type]
        answer = self.orchestrator.answer(
            PICTURE, QUESTION, terms.rules, weights=THRIFTY, generation=generation
        )
        return StandingAnswer(Frame("gate", 1, 0.0, PICTURE), "what", answer.text, answer, terms=terms)


@pytest.fixture
def cloud() -> Iterator[ScriptedCloud]:
    with serving(says("a star")) as found:
        yield found


@pytest.fixture
def device(cloud: ScriptedCloud, bundle: Bundle, tmp_path: Path) -> Iterator[Device]:
    machine = Machine(count=ByteCount(tmp_path / "bytes.json", time.time))
    profile = DeviceProfile.from_bundle(bundle)
    with CloudClient(cloud.address) as client:
        yield Device(Orchestrator(bundle, client, profile, machine=machine, network_seconds=60.0))


@asynccontextmanager
async def comparing(device: Device, chance: float = 0.0) -> AsyncIterator[Agreement]:
    compares = Agreement(device, lambda: chance)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(compares.run)
        yield compares
        tasks.cancel_scope.cancel()


async def test_a_local_answer_is_compared_by_the_most_faithful_picture(
    device: Device, cloud: ScriptedCloud
) -> None:
    seen = device.answered()
    assert seen.answer.route == "local"
    cloud.requests.clear()
    async with comparing(device) as compares:
        await compares.observe(seen)
        await until(lambda: device.found)
        cloud.script = says(f" {seen.text}")
        await until(lambda: compares.idle)
        await compares.observe(seen)
        await until(lambda: len(device.found) == 2)
    assert [(one.seen, one.agreed) for one in device.found] == [(seen, False), (seen, True)]
    sent = cloud.requests[0]
    assert (sent.question, sent.generation.max_tokens) == (QUESTION, 8)
    assert sent.WhichOneof("input") == "picture"
    uploads = [one for one in seen.answer.decision.arms if one.arm.kind == "upload"]
    assert (way := way_to_whole(seen))
    assert way.accuracy == max(one.accuracy for one in uploads)
    assert way.bytes_up == max(one.bytes_up for one in uploads if one.accuracy == way.accuracy)


def test_what_must_not_leave_what_was_no_answer_of_its_own_and_what_chance_drew_is_not_compared(
    device: Device,
) -> None:
    local, split = device.answered(), device.answered(route="split@vision.4")
    assert way_to_whole(device.answered(cuts=("vision.4",), allow_local=False))
    for held in (
        device.answered(never_upload=True),
        device.answered(never_leave_device=True),
        device.answered(temperature=1.0),
        device.answered(route="upload"),
        device.answered(bytes_per_day=100),
        split,  # no picture was allowed
        replace(local, reused=3),
        replace(local, asked=False),
        replace(local, deferred="7"),
        replace(local, terms=None),
    ):
        assert way_to_whole(held) is None


async def test_budgets_and_chance_hold_samples_back(device: Device, cloud: ScriptedCloud) -> None:
    seen = device.answered()
    async with comparing(device, chance=0.5) as compares:
        device.sample_terms = SampleTerms(50.0, 1_000_000)
        await compares.observe(seen)
        device.sample_terms = SampleTerms(100.0, 10)
        await compares.observe(seen)
        device.sample_terms, device.budget_left = SampleTerms(100.0, 1_000_000), False
        await compares.observe(seen)
        assert compares.idle
    assert not device.found
    assert not cloud.requests


def test_an_hours_bytes_are_there_again_in_the_next() -> None:
    spent = HourlyBytes()
    assert spent.left(100, 10.0) == 100
    spent.spend(80)
    assert (spent.left(100, 3599.0), spent.left(100, 3600.0)) == (20, 100)


async def test_a_sample_gives_way_to_an_answer_and_is_asked_again_when_the_link_is_free(
    device: Device, cloud: ScriptedCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agreement, "_LOOK_SECONDS", 0.001)
    seen = device.answered()
    cloud.script = falls_silent()
    async with comparing(device) as compares:
        await compares.observe(seen)
        await until(lambda: len(cloud.requests) == 1)
        cloud.script = says("a star")
        remote = Rules(allow_local=False, route="split")
        answer = await anyio.to_thread.run_sync(device.orchestrator.answer, PICTURE, QUESTION, remote)
        assert answer.text == "a star"
        await until(lambda: device.found)
    assert [one.WhichOneof("input") for one in cloud.requests] == ["picture", "features", "picture"]


async def test_a_cloud_that_fails_and_models_that_are_closed_meanwhile_end_nothing(
    device: Device, cloud: ScriptedCloud
) -> None:
    seen = device.answered()
    cloud.script = refuses(grpc.StatusCode.INTERNAL, "not today")
    async with comparing(device) as compares:
        await compares.observe(seen)
        await until(lambda: cloud.requests and compares.idle)
        closed = replace(seen, frame=replace(seen.frame, picture=None))  # type: ignore[arg-type]
        await compares.observe(closed)
        await until(lambda: compares.idle)
        cloud.script = says("a star")
        await compares.observe(seen)
        await until(lambda: device.found)
