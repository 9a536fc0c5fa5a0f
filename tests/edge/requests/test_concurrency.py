"""Many callers of one orchestrator at once: against a cloud that plays a script, and against the service."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

import grpc
import numpy as np
import pytest

from bench.rig.cloud_process import CloudProcess
from edge.link.client import CloudClient
from edge.models.local_model import LocalModel
from edge.pictures.resampling import Picture
from edge.requests.cancellation import Cancellation
from edge.requests.orchestrator import Orchestrator
from edge.requests.turn import Priority
from edge.testing.scripted_cloud import Context, Script, falls_silent, refuses, says, serving
from protos import inference_pb2 as pb
from protos.arms.rules import Rules
from protos.bundle import Bundle
from protos.costs.profile import DeviceProfile
from protos.errors import Cancelled, CloudError
from splitter.nano.scenes import HELD_OUT_SEEDS
from splitter.nano.scenes import picture as scene

QUESTION = "describe the image"
SPLIT = "split@connector/int8-zstd"
LONG = 60.0
OURS = ("cloud call", "local answer", "power")


def picture(seed: int) -> Picture:
    return np.random.default_rng(seed).integers(0, 256, (96, 160, 3), dtype=np.uint8)


def orchestrator(bundle: Bundle, client: CloudClient | None) -> Orchestrator:
    made = Orchestrator(bundle, client, DeviceProfile.from_bundle(bundle))
    made.prepare()
    return made


def left_behind() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name in OURS]


@pytest.fixture(scope="module")
def texts(bundle: Bundle) -> dict[int, str]:
    """What the device says of pictures, one after another."""
    alone = orchestrator(bundle, None)
    return {seed: alone.answer(picture(seed), QUESTION).text for seed in range(4)}


HEDGED = Rules(route=SPLIT, deadline_ms=60_000, confidence=1.0)  # no link is that sure
MIXED = [Rules(route="local"), Rules(route=SPLIT), Rules(route="upload"), Rules(), HEDGED]


@pytest.mark.slow
def test_sixteen_threads_get_what_one_would_get_alone(bundle: Bundle, bundle_path: Path) -> None:
    with CloudProcess(bundle_path) as cloud, CloudClient(cloud.address) as client:
        device = orchestrator(bundle, client)

        def ask(number: int, rules: Rules) -> tuple[str, str]:
            told: list[str] = []
            answer = device.answer(
                scene(HELD_OUT_SEEDS + number % 4).image,
                QUESTION,
                rules,
                priority=Priority(number % 2),
                on_text=told.append,
                on_restart=lambda _: told.clear(),
            )
            assert answer.text == "".join(told)
            return answer.route, answer.text

        with ThreadPoolExecutor(16) as pool:
            together = list(pool.map(lambda number: ask(number, MIXED[number % len(MIXED)]), range(80)))
        asked = sorted({(number % 4, route) for number, (route, _) in enumerate(together)})
        alone = {(number, route): ask(number, Rules(route=route)) for number, route in asked}
    assert [alone[number % 4, answer[0]] for number, answer in enumerate(together)] == together
    assert {"local", SPLIT} <= {route for route, _ in together}
    assert not left_behind()


def by_question(scripts: dict[str, Script]) -> Script:
    """Plays the script that a question names with its last word."""

    def script(request: pb.InferRequest, context: Context) -> Iterator[pb.InferReply]:
        yield from scripts[request.question.split()[-1]](request, context)

    return script


def test_answers_failures_and_cancels_do_not_disturb_each_other(bundle: Bundle) -> None:
    kinds = {
        "yes": says("a ", "cat"),
        "no": refuses(grpc.StatusCode.INTERNAL, "a bug", "half "),
        "wait": falls_silent("never "),
    }
    with serving(by_question(kinds)) as cloud, CloudClient(cloud.address) as client:
        device = orchestrator(bundle, client)

        def ask(number: int) -> str:
            seed, kind = number % 4, list(kinds)[number % 3]
            wanted = Cancellation()

            def told(text: str) -> None:
                if text == "never ":
                    wanted.cancel()

            try:
                answer = device.answer(
                    picture(seed), f"{QUESTION} {kind}", Rules(route=SPLIT), cancellation=wanted, on_text=told
                )
            except Cancelled:
                return "cancelled"
            return f"{answer.route}: {answer.text}"

        with ThreadPoolExecutor(16) as pool:
            said = list(pool.map(ask, range(48)))
        assert device.answer(picture(0), f"{QUESTION} yes", Rules(route=SPLIT)).text == "a cat"
    alone = [orchestrator(bundle, None).answer(picture(seed), f"{QUESTION} no").text for seed in range(4)]
    assert said[0::3] == [f"{SPLIT}: a cat"] * 16
    assert said[1::3] == [f"local: {alone[number % 4]}" for number in range(1, 48, 3)]
    assert said[2::3] == ["cancelled"] * 16
    assert not left_behind()


def test_calls_overlap_while_the_device_answers_others(bundle: Bundle, texts: dict[int, str]) -> None:
    """None of the calls is answered before all of them are there, and the device has answered too."""
    everybody = threading.Barrier(4, timeout=LONG)

    def script(request: pb.InferRequest, context: Context) -> Iterator[pb.InferReply]:
        everybody.wait()
        yield from says("together")(request, context)

    with serving(script) as cloud, CloudClient(cloud.address) as client:
        device = orchestrator(bundle, client)
        with ThreadPoolExecutor(4) as pool:
            asked = [
                pool.submit(device.answer, picture(seed), QUESTION, Rules(route=SPLIT, allow_local=False))
                for seed in range(3)
            ]
            assert device.answer(picture(3), QUESTION, Rules(route="local")).text == texts[3]
            everybody.wait()
            assert [one.result().text for one in as_completed(asked)] == ["together"] * 3


def test_a_caller_that_is_told_may_ask_again_from_there(bundle: Bundle, texts: dict[int, str]) -> None:
    device, inner = orchestrator(bundle, None), list[str]()

    def told(_: str) -> None:
        if not inner:
            inner.append(device.answer(picture(1), QUESTION).text)

    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(device.answer, picture(0), QUESTION, priority=Priority.STANDING, on_text=told)
        assert asked.result(LONG).text == texts[0]
    assert inner == [texts[1]]


def endless(*_: object, **__: object) -> Iterator[str]:
    while True:
        time.sleep(0.001)
        yield "mine "


def test_a_cancelled_answer_of_the_devices_own_ends_at_its_next_piece(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = orchestrator(bundle, None)
    wanted = Cancellation()
    with monkeypatch.context() as patch:
        patch.setattr(LocalModel, "answer", endless)
        with pytest.raises(Cancelled, match="ask again"):
            device.answer(picture(0), QUESTION, cancellation=wanted, on_text=lambda _: wanted.cancel())
        with pytest.raises(Cancelled):
            device.answer(picture(0), QUESTION, cancellation=wanted)
    assert device.answer(picture(0), QUESTION).text
    assert not left_behind()


def test_a_caller_that_raises_where_it_is_told_ends_its_request_alone(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = orchestrator(bundle, None)

    def gone(_: str) -> None:
        raise BrokenPipeError

    with monkeypatch.context() as patch:
        patch.setattr(LocalModel, "answer", endless)
        with pytest.raises(BrokenPipeError):
            device.answer(picture(0), QUESTION, on_text=gone)
    assert not left_behind()
    assert device.answer(picture(0), QUESTION).text


def test_a_more_urgent_request_goes_before_the_rest_of_a_local_answer(
    bundle: Bundle, texts: dict[int, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    device, urgent = orchestrator(bundle, None), threading.Event()
    real, ended = LocalModel.answer, Cancellation()

    def answer(model: LocalModel, *args: object, **options: object) -> Iterator[str]:
        if urgent.is_set():
            return real(model, *args, **options)  # type: ignore[arg-type]
        urgent.set()
        return endless()

    monkeypatch.setattr(LocalModel, "answer", answer)
    with ThreadPoolExecutor(1) as pool:
        standing = pool.submit(
            device.answer, picture(0), QUESTION, priority=Priority.STANDING, cancellation=ended
        )
        assert urgent.wait(LONG)
        assert device.answer(picture(1), QUESTION).text == texts[1], "the other one never ends by itself"
        ended.cancel()
        assert isinstance(standing.exception(LONG), Cancelled)


def test_the_clouds_answer_to_a_hedged_request_does_not_wait_for_a_busy_device(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another request, which is more urgent, answers here without end, and the hedge has given way to it."""
    begun = threading.Semaphore(0)
    both, ended = threading.Event(), Cancellation()

    def answer(*_: object, **__: object) -> Iterator[str]:
        begun.release()
        return endless()

    def script(request: pb.InferRequest, context: Context) -> Iterator[pb.InferReply]:
        assert both.wait(LONG)
        yield from says("a ", "cat")(request, context)

    monkeypatch.setattr(LocalModel, "answer", answer)
    with (
        serving(script) as cloud,
        CloudClient(cloud.address) as client,
        ThreadPoolExecutor(2) as pool,
    ):
        device = orchestrator(bundle, client)
        hedged = pool.submit(device.answer, picture(0), QUESTION, HEDGED)
        assert begun.acquire(timeout=LONG)
        urgent = Rules(route="local", deadline_ms=1.0)
        hog = pool.submit(device.answer, picture(1), QUESTION, urgent, cancellation=ended)
        assert begun.acquire(timeout=LONG)
        both.set()
        assert hedged.result(LONG).text == "a cat"
        ended.cancel()
        assert isinstance(hog.exception(LONG), Cancelled)
    assert not left_behind()


def test_a_call_that_was_cancelled_teaches_nothing_of_the_link(bundle: Bundle) -> None:
    with serving(falls_silent("a ")) as cloud, CloudClient(cloud.address) as client:
        device, wanted = orchestrator(bundle, client), Cancellation()
        with pytest.raises(Cancelled):
            device.answer(
                picture(0),
                QUESTION,
                Rules(route=SPLIT),
                cancellation=wanted,
                on_text=lambda _: wanted.cancel(),
            )
        (link,) = device.links().values()
        assert link.up
        cloud.script = refuses(grpc.StatusCode.INTERNAL, "a bug")
        with pytest.raises(CloudError):
            device.answer(picture(0), QUESTION, Rules(route=SPLIT, allow_local=False))
