"""A request with an idempotency key is run once, however often it is tried."""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import grpc
import pytest
from torch import Tensor

from bench.network.conditions import MEGABIT, Conditions
from bench.network.emulator import Link
from cloud.answers.shared_answers import SharedAnswers
from cloud.api.keyed_answers import KeyedAnswers, RequestKey, request_key
from cloud.engine.encoder_cache import EncoderCache
from cloud.engine.engine import Engine
from cloud.engine.request_queue import RequestQueue
from cloud.engine.scheduling.scheduler import Scheduler
from cloud.models.tail import Tail
from cloud.sharing.caller import NOBODY
from cloud.sharing.caller import Caller as Owner
from edge.link.client import CloudClient
from edge.requests.orchestrator import Orchestrator
from protos import inference_pb2 as ip
from protos.arms.rules import Rules
from protos.bundle import PICTURE_CUT, Bundle
from protos.costs.profile import DeviceProfile
from protos.errors import RequestError
from tests.cloud.calling import FP32, Caller, Pixels, calling, picture_request
from tests.cloud.engine.scripted import ScriptedModel, counting

QUESTION = "describe the image"
UPLOAD = Rules(route="upload", allow_local=False)
FAST = Conditions.steady(1000 * MEGABIT, round_trip=0.002)
KEY = bytes(range(16, 32))


def keyed(tail: Tail, scene: Pixels, **fields: Any) -> ip.InferRequest:
    return picture_request(tail.bundle, scene, QUESTION, idempotency_key=KEY, **fields)


async def test_a_retry_is_answered_from_memory(tail: Tail, scenes: list[Pixels]) -> None:
    async with calling(tail) as caller:
        first = await caller.ask(keyed(tail, scenes[0], id="first"))
        again = await caller.ask(keyed(tail, scenes[0], id="again"))
        new = await caller.ask(picture_request(tail.bundle, scenes[0], QUESTION))
    assert again.text == first.text == new.text
    assert again.done.stages == first.done.stages  # to the last digit: nothing was run
    assert new.done.stages != first.done.stages


async def test_the_operator_reads_of_a_run_once_and_never_what_it_says(
    tail: Tail, scenes: list[Pixels], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "cloud.api")
    async with calling(tail) as caller:
        said = [await caller.ask(keyed(tail, scenes[0])) for _ in range(2)]
    lines = [text for text in map(logging.LogRecord.getMessage, caplog.records) if KEY.hex() in text]
    assert len(lines) == 1
    assert lines[0].startswith(f"answered '{KEY.hex()}' at ")
    assert said[0].text not in lines[0]


async def test_a_retry_joins_the_run_that_its_caller_has_left(endless: Tail, scenes: list[Pixels]) -> None:
    request = keyed(endless, scenes[0], generation=ip.Generation(max_tokens=300))
    async with calling(endless) as caller:
        lost = caller.stub.Infer(request)
        begun = (await lost.read()).text
        lost.cancel()
        both = [asyncio.create_task(caller.ask(request)) for _ in range(2)]
        await caller.until_running()
        load = caller.service.engine.load()
        first, second = await asyncio.gather(*both)
    assert (load.running, load.waiting) == (1, 0)
    assert first.text == second.text
    assert first.text.startswith(begun)
    assert first.done.stages == second.done.stages
    assert first.done.tokens == 300


async def left(caller: Caller, request: ip.InferRequest) -> None:
    """Who asked hangs up, once it runs."""
    call = caller.stub.Infer(request)
    await caller.until_running()
    call.cancel()


def answered(caplog: pytest.LogCaptureFixture) -> list[str]:
    """The keys of the runs that came to their end."""
    lines = map(logging.LogRecord.getMessage, caplog.records)
    return [line.split("'")[1] for line in lines if line.startswith("answered ")]


async def test_a_run_that_nobody_comes_back_for_is_ended(
    endless: Tail, scenes: list[Pixels], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cloud.api.keyed_answers.ALONE_SECONDS", 0.05)
    caplog.set_level(logging.INFO, "cloud.api")
    request = keyed(endless, scenes[0], generation=ip.Generation(max_tokens=300))
    async with calling(endless) as caller:
        await left(caller, request)
        await caller.until_idle()
        assert answered(caplog) == []
        assert (await caller.ask(request)).done.tokens == 300
    assert answered(caplog) == [KEY.hex()]


async def test_of_many_runs_that_a_caller_left_the_first_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cloud.api.keyed_answers.MAX_ALONE", 2)
    engine = Engine(RequestQueue(Scheduler(1), 9), EncoderCache(1 << 20))  # it runs nothing
    answers, model = KeyedAnswers(SharedAnswers(engine, None), 1 << 20, 60.0), ScriptedModel()

    def leave(name: str, connection: str = "mine") -> None:
        with answers.starting(RequestKey("owner", name, b"")) as run:
            run.begin(counting(model, 1, caller=Owner("10.0.0.1", connection)))
        with answers.awaited(run):
            pass

    def going_on() -> list[str]:
        names = ("other", "first", "joined", "second", "third")
        return [name for name in names if answers.find(RequestKey("owner", name, b""))]

    leave("other", "another")
    leave("first")
    leave("joined")
    joined = answers.find(RequestKey("owner", "joined", b""))
    assert joined
    with answers.awaited(joined):
        leave("second")
        assert going_on() == ["other", "first", "joined", "second"]
        leave("third")
        assert going_on() == ["other", "joined", "second", "third"]
    assert going_on() == ["other", "joined", "third"]
    await answers.close()


async def test_a_key_is_of_one_request(tail: Tail, scenes: list[Pixels]) -> None:
    async with calling(tail) as caller:
        await caller.ask(keyed(tail, scenes[0]))
        code, words = await caller.refusal(keyed(tail, scenes[1]))
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert "give each its own key" in words


async def test_the_key_of_one_client_tells_another_nothing(tail: Tail, scenes: list[Pixels]) -> None:
    async with calling(tail) as caller:
        mine = await caller.ask(keyed(tail, scenes[0]))
        theirs = await caller.ask(keyed(tail, scenes[1], client_secret=bytes(16)))
        same = await caller.ask(keyed(tail, scenes[0], client_secret=bytes(17)))
    assert theirs.text != mine.text
    assert same.done.stages != mine.done.stages


async def test_what_failed_is_forgotten(tail: Tail, endless: Tail, scenes: list[Pixels]) -> None:
    async with calling(tail, endless) as caller:
        wrong = keyed(tail, scenes[0])
        wrong.picture.data = b"no picture"
        assert (await caller.refusal(wrong))[0] is grpc.StatusCode.INVALID_ARGUMENT
        code, _ = await caller.refusal(keyed(endless, scenes[0]), seconds=0.5)
        assert code is grpc.StatusCode.DEADLINE_EXCEEDED
        await caller.until_idle()
        assert (await caller.ask(keyed(tail, scenes[0]))).text


@pytest.mark.parametrize("bounds", [{"keep_answers": 0}, {"max_answer_bytes": 100}])
async def test_what_is_kept_is_bounded(bounds: dict[str, Any], tail: Tail, scenes: list[Pixels]) -> None:
    async with calling(tail, **bounds) as caller:
        first = await caller.ask(keyed(tail, scenes[0]))
        again = await caller.ask(keyed(tail, scenes[0]))
    assert again.text == first.text
    assert again.done.stages != first.done.stages


async def test_a_stream_may_try_again_too(tail: Tail, scenes: list[Pixels]) -> None:
    requests = [keyed(tail, scenes[0], id=name) for name in ("a", "b", "c")]
    async with calling(tail) as caller:
        done = [reply.done async for reply in caller.stub.Converse(iter(requests)) if reply.HasField("done")]
    assert len(done) == 3
    assert done[0].stages == done[1].stages == done[2].stages


@pytest.mark.parametrize(
    ("key", "secret", "words"),
    [(b"short", bytes(16), "has 5 bytes; give 6 to 16"), (KEY, b"", "without client_secret")],
)
def test_what_is_no_key_is_refused(key: bytes, secret: bytes, words: str) -> None:
    with pytest.raises(RequestError, match=words):
        request_key(ip.InferRequest(idempotency_key=key, client_secret=secret), NOBODY)


class Counted(Tail):
    """A tail that counts its runs; at the first the device's link is lost, and with it the reply."""

    runs: int
    lose: Callable[[], None]

    def advance(
        self, cut: str, until: str, pictures: Sequence[Mapping[str, Tensor]]
    ) -> list[dict[str, Tensor]]:
        if cut == PICTURE_CUT:
            self.runs += 1
            if self.runs == 1:
                self.lose()
        return super().advance(cut, until, pictures)


@pytest.mark.parametrize("lost", ["reset", "forgotten"])
async def test_a_device_whose_reply_is_lost_is_answered_by_one_run(
    bundle: Bundle, scenes: list[Pixels], lost: str
) -> None:
    tail = Counted(bundle, FP32)
    async with calling(tail) as caller:
        tail.runs = 0
        with Link(caller.service.address, FAST) as link, CloudClient(link.address) as client:
            tail.lose = link.reset if lost == "reset" else link.forget
            profile = DeviceProfile.from_bundle(bundle)
            device = Orchestrator(bundle, client, profile, network_seconds=60.0)
            answer = await asyncio.to_thread(device.answer, scenes[0], QUESTION, UPLOAD)
        whole = await caller.ask(picture_request(bundle, scenes[0], QUESTION))
    assert tail.runs == 2  # one for the device, one to compare
    assert answer.fallback is None
    assert answer.text == whole.text
