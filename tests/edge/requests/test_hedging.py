"""A deadline at risk: the device works on an answer of its own while a real server is awaited."""

import threading
import time
from collections.abc import Iterator

import grpc
import numpy as np
import pytest

from edge.link.client import CloudClient
from edge.models.local_model import LocalModel
from edge.pictures.resampling import Picture
from edge.requests.answer import Answer
from edge.requests.orchestrator import Orchestrator
from edge.testing.scripted_cloud import Script, falls_silent, refuses, says, serving
from protos.arms.rules import Rules
from protos.bundle import Bundle
from protos.costs.profile import DeviceProfile

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
    bundle: Bundle, script: Script, rules: Rules, told: list[str] | None = None, **more: object
) -> Answer:
    pieces = [] if told is None else told
    with serving(script) as cloud, CloudClient(cloud.address) as client:
        device = Orchestrator(bundle, client, hasty(bundle, **more))  # type: ignore[arg-type]
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


def test_a_silent_cloud_costs_no_more_than_the_devices_own_answer(bundle: Bundle) -> None:
    answer = ask(bundle, falls_silent(), AT_ONCE)
    assert (answer.route, answer.text, answer.late) == ("local", alone(bundle), False)
    assert answer.hedge_ms > 0
    assert answer.fallback
    assert "the device was first" in answer.fallback


def test_half_an_answer_that_the_device_overtakes_is_void(bundle: Bundle) -> None:
    told: list[str] = []
    rules = Rules(route=ROUTE, deadline_ms=1000, confidence=0.01)
    answer = ask(bundle, falls_silent("a ", "c"), rules, told, milliseconds=500.0)
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
