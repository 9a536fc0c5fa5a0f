"""A deadline at risk: the device works on an answer of its own while a real server is awaited."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path

import grpc
import numpy as np
import pytest

from edge.link.client import CloudClient
from edge.models.local_model import LocalModel
from edge.pictures.resampling import Picture
from edge.requests.answer import Answer
from edge.requests.orchestrator import Orchestrator
from edge.testing.scripted_cloud import Context, Script, falls_silent, refuses, says, serving
from protos import bundle_pb2 as pb_bundle
from protos import inference_pb2 as pb
from protos.arms.rules import Rules
from protos.bundle import Bundle
from protos.costs.profile import DeviceProfile
from protos.measurements import write_measurements

PICTURE: Picture = np.random.default_rng(5).integers(0, 256, (96, 160, 3), dtype=np.uint8)
QUESTION = "describe the image"
ROUTE = "split@connector/int8-zstd"
AT_ONCE = Rules(route=ROUTE, deadline_ms=60_000, confidence=1.0)  # no link is that sure
IN_TIME = Rules(route=ROUTE, deadline_ms=60_000, confidence=0.01)


def hasty(bundle: Bundle, milliseconds: float = 0.0) -> DeviceProfile:
    """A device that believes its answers to take so long."""
    return DeviceProfile(
        {p.cut: 0.0 for p in bundle.manifest.pieces}, {}, milliseconds, 0.0, 0.0, "a", 1, bundle.digest
    )


def ask(
    bundle: Bundle,
    script: Script,
    rules: Rules,
    told: list[str] | None = None,
    milliseconds: float = 0.0,
    clock: Callable[[], float] = time.monotonic,
) -> Answer:
    pieces = [] if told is None else told
    with serving(script) as cloud, CloudClient(cloud.address) as client:
        device = Orchestrator(bundle, client, hasty(bundle, milliseconds), clock=clock)
        device.prepare()
        restart = pieces.clear
        answer = device.answer(
            PICTURE, QUESTION, rules, on_text=pieces.append, on_restart=lambda _: restart()
        )
    assert "cloud call" not in {thread.name for thread in threading.enumerate()}
    assert answer.text == "".join(pieces)
    return answer


def alone(bundle: Bundle) -> str:
    return Orchestrator(bundle, None, hasty(bundle)).answer(PICTURE, QUESTION).text


def test_where_the_cloud_is_silent_the_devices_answer_is_ready_by_the_deadline(bundle: Bundle) -> None:
    answer = ask(bundle, falls_silent(), replace(AT_ONCE, deadline_ms=1000.0))
    assert (answer.route, answer.text) == ("local", alone(bundle))
    assert answer.hedge_ms > 0
    assert answer.fallback
    assert "the device was first" in answer.fallback


def test_half_an_answer_that_the_device_overtakes_is_void(bundle: Bundle) -> None:
    """By a clock of the work alone: on a busy machine no time would be left for the device's answer."""
    told: list[str] = []
    rules = Rules(route=ROUTE, deadline_ms=1000, confidence=0.01)
    microseconds = count()
    answer = ask(
        bundle,
        falls_silent("a ", "c"),
        rules,
        told,
        milliseconds=500.0,
        clock=lambda: next(microseconds) / 1e6,
    )
    assert (answer.route, answer.text) == ("local", alone(bundle))
    assert answer.hedge_ms > 0


def test_a_cloud_that_is_first_stops_the_device(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    def endless(*_: object, **__: object) -> Iterator[str]:
        while True:
            time.sleep(0.001)
            yield "mine"

    monkeypatch.setattr(LocalModel, "answer", endless)
    answer = ask(bundle, says("a ", "cat"), AT_ONCE)
    assert (answer.route, answer.text, answer.fallback) == (ROUTE, "a cat", None)
    assert answer.hedge_ms > 0, "it worked in vain, and that is told"


@pytest.mark.parametrize(("sure", "route"), [(1.0, "local"), (0.5, ROUTE)])
def test_the_cloud_is_awaited_unless_the_device_is_sure(damaged: Path, sure: float, route: str) -> None:
    """The cloud's answer comes a moment after the device's."""

    def script(request: pb.InferRequest, context: Context) -> Iterator[pb.InferReply]:
        time.sleep(2.0)
        yield from says("a ", "cat")(request, context)

    bundle, found = Bundle.open(damaged), pb_bundle.Measurements()
    found.CopyFrom(bundle.measurements)
    del found.local.calibration.knots[:]
    found.local.calibration.knots.add(raw=0.5, agreement=sure)
    write_measurements(damaged, found, bundle.digest)
    assert ask(Bundle.open(damaged), script, AT_ONCE).route == route


def test_a_cloud_that_fails_meanwhile_is_why_the_device_answers(bundle: Bundle) -> None:
    answer = ask(bundle, refuses(grpc.StatusCode.UNAVAILABLE, "gone", "a "), AT_ONCE)
    assert (answer.route, answer.text) == ("local", alone(bundle))
    assert answer.fallback


def test_a_cloud_that_is_in_time_is_not_hedged(bundle: Bundle) -> None:
    answer = ask(bundle, says("a ", "cat"), IN_TIME)
    assert (answer.text, answer.hedge_ms) == ("a cat", 0.0)


def test_a_device_that_must_not_answer_does_not_hedge(bundle: Bundle) -> None:
    answer = ask(bundle, says("a cat"), Rules(deadline_ms=60_000, confidence=1.0, allow_local=False))
    assert (answer.text, answer.hedge_ms) == ("a cat", 0.0)
