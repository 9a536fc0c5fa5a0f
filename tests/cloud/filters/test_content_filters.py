"""What a filter refuses costs nothing and does not leave, by whatever way it is asked and answered."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path
from typing import Any, Self

import grpc
import openai
import pytest

from cloud.answers.answer_store import AnswersInMemory
from cloud.answers.shared_answers import SharedAnswers
from cloud.engine.encoder_cache import EncoderCache
from cloud.engine.engine import Engine
from cloud.engine.job import NEVER, Job
from cloud.engine.request_queue import RequestQueue
from cloud.engine.scheduling.scheduler import Scheduler
from cloud.filters.content_filter import (
    PASSED,
    REFUSED,
    AnswerSoFar,
    AskedContent,
    ContentFilter,
    FilterVerdict,
)
from cloud.filters.content_filters import ContentFilters
from cloud.filters.kinds.words import WordFilter
from cloud.filters.registry import filter_names, open_filter
from cloud.models.tail import Tail
from edge.agent.http.openai.completion import AnswerHead
from edge.link.client import CloudClient
from edge.requests.orchestrator import Orchestrator
from protos import inference_pb2 as ip
from protos.arms.rules import Rules
from protos.connection.peer import Peer
from protos.costs.profile import DeviceProfile
from protos.errors import CloudError, ContentRefused, DeadlineError, UnknownName
from tests.cloud.api.http.openai.test_chat import asking, messages
from tests.cloud.api.http.test_monitoring import samples
from tests.cloud.api.test_watching import CUT, Camera, opening, watching
from tests.cloud.calling import Caller, Head, Pixels, calling, noted, picture_request, png
from tests.cloud.engine.scripted import ScriptedModel, counting
from tests.cloud.engine.test_engine import running

QUESTION, FORBIDDEN = "describe the image", "is there a secret?"


class Scripted(ContentFilter):
    """It does as it is told."""

    def __init__(
        self,
        before: Callable[[AskedContent], FilterVerdict] = lambda _: PASSED,
        after: Callable[[AnswerSoFar], FilterVerdict] = lambda _: PASSED,
        seconds: float = 0.0,
    ) -> None:
        self._before, self._after, self._seconds = before, after, seconds

    @classmethod
    def open(cls, path: Path) -> Self:
        del path
        return cls()

    async def before(self, asked: AskedContent) -> FilterVerdict:
        await asyncio.sleep(self._seconds)
        return self._before(asked)

    async def after(self, answer: AnswerSoFar) -> FilterVerdict:
        await asyncio.sleep(self._seconds)
        return self._after(answer)


@pytest.fixture
async def answer(tail: Tail, scenes: list[Pixels]) -> str:
    """What the model says of the first scene."""
    async with calling(tail) as caller:
        return (await caller.ask(picture_request(tail.bundle, scenes[0], QUESTION))).text


@pytest.fixture
def settings(answer: str, tmp_path: Path) -> dict[str, Any]:
    """Of a service that lets the third word of that answer not leave."""
    path = tmp_path / "words.txt"
    path.write_text(f"secret\n{answer.split()[2].strip('.,')}\n")
    return {"filters": (("words", path),)}


def beginning(answer: str) -> str:
    """What leaves of it."""
    return answer[: answer.index(answer.split()[2])]


async def test_what_may_not_be_asked_is_refused_before_anything_is_decoded(
    tail: Tail, scenes: list[Pixels], settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = noted(tail, monkeypatch)
    no_picture = ip.InferRequest(
        bundle=tail.bundle.id, question=FORBIDDEN, picture=ip.Picture(data=b"no picture")
    )
    async with asking(tail, **settings) as (client, caller):
        status, words = await caller.refusal(no_picture)
        assert (status, "content filter (words)" in words) == (grpc.StatusCode.INVALID_ARGUMENT, True)
        assert (await converse(caller, no_picture)).failure.reason == ContentRefused.reason
        async with watching(caller, opening(tail, question=FORBIDDEN)) as stream:
            assert await stream.ended() == (status, words)
        with pytest.raises(openai.BadRequestError) as refused:
            await client.chat.completions.create(model="nano", messages=messages(png(scenes[0]), FORBIDDEN))
        assert refused.value.code == "content_filter"
        with CloudClient(Peer.parse(caller.service.address)) as device, pytest.raises(ContentRefused):
            await asyncio.to_thread(lambda: list(device.infer(no_picture, 20)))
        told = caller.service.telemetry.metrics.text().decode()
    assert not ran
    assert samples(told, "filtered_total") == {("words", "refused"): 5}


async def converse(caller: Caller, request: ip.InferRequest) -> ip.InferReply:
    """The last reply to a request in a stream."""
    call = caller.stub.Converse(iter([request]), timeout=60)
    *_, last = [reply async for reply in call]
    assert isinstance(last, ip.InferReply)
    return last


async def test_an_answer_ends_before_what_may_not_leave_over_both_transports(
    tail: Tail,
    head: Head,
    scenes: list[Pixels],
    answer: str,
    settings: dict[str, Any],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    asked: Any = {"model": "nano", "messages": messages(png(scenes[0]))}
    async with asking(tail, keep_results=300, text_interval=0, **settings) as (client, caller):
        upload = picture_request(tail.bundle, scenes[0], QUESTION)
        features = ip.InferRequest(
            bundle=tail.bundle.id, question=QUESTION, features=head.features(scenes[0], CUT)
        )
        keyed = picture_request(tail.bundle, scenes[0], QUESTION, idempotency_key=bytes(range(8)))
        for request in (upload, upload, features, keyed, keyed):
            said = await caller.ask(request)
            assert (said.text, said.done.reason) == (beginning(answer), ip.Done.CONTENT_FILTER)
        assert said.done.stages.total > 0
        assert (await converse(caller, upload)).done.reason == ip.Done.CONTENT_FILTER
        whole = await client.chat.completions.create(**asked)
        *chunks, last = [chunk async for chunk in await client.chat.completions.create(**asked, stream=True)]
        assert whole.choices[0].message.content == beginning(answer)
        assert "".join(one.choices[0].delta.content or "" for one in chunks) == beginning(answer)
        assert whole.choices[0].finish_reason == last.choices[0].finish_reason == "content_filter"
        told = caller.service.telemetry.metrics.text().decode()
        await caller.until_idle()
    # the second try of a key was told what the first one was
    assert samples(told, "filtered_total") == {("words", "ended"): 7}
    assert not any(word in caplog.text for word in (answer, beginning(answer), answer.split()[2]))


async def test_frames_of_a_stream_are_answered_as_far_as_may_leave(
    tail: Tail, scenes: list[Pixels], settings: dict[str, Any], answer: str
) -> None:
    camera = Camera(tail)
    async with (
        calling(tail, **settings) as caller,
        watching(caller, opening(tail)) as stream,
    ):
        first = await stream.ask(camera.frame(scenes[0]))
        assert first.done.reason == ip.Done.CONTENT_FILTER
        assert answer.startswith(first.text)
        assert not (await stream.ask(camera.frame(scenes[0]))).text, "as before"


async def test_a_device_gives_no_answer_of_its_own_instead(
    tail: Tail, scenes: list[Pixels], settings: dict[str, Any], answer: str
) -> None:
    remote = Rules(route="upload")
    async with calling(tail, **settings) as caller:
        with CloudClient(Peer.parse(caller.service.address)) as client:
            profile = DeviceProfile.from_bundle(tail.bundle)
            device = Orchestrator(tail.bundle, client, profile, network_seconds=60.0)
            with pytest.raises(ContentRefused, match="ask something else"):
                await asyncio.to_thread(device.answer, scenes[0], FORBIDDEN, remote)
            found = await asyncio.to_thread(device.answer, scenes[0], QUESTION, remote)
    assert (found.filtered, found.fallback) == (True, None)
    assert answer.startswith(found.text)
    assert AnswerHead("nano", max_tokens=64).finish_reason(found) == "content_filter"


@pytest.fixture
async def engine() -> AsyncIterator[Engine]:
    made = Engine(RequestQueue(Scheduler(8), 64), EncoderCache(1 << 20))
    async with running(made):
        yield made


async def told(answers: SharedAnswers, job: Job) -> list[Any]:
    with answers.answering(job) as events:
        return [event.reason if isinstance(event, ip.Done) else event async for event in events]


def refusing(text: str) -> Scripted:
    return Scripted(after=lambda answer: REFUSED if text in answer.text else PASSED)


async def test_who_joins_a_run_and_who_is_told_what_was_said_pass_it_too(engine: Engine) -> None:
    counted = list[tuple[str, str]]()
    filters = ContentFilters([("eight", refusing("8"))], lambda *one: counted.append(one))
    model, store = ScriptedModel(), AnswersInMemory(1 << 20, 60.0)
    await told(SharedAnswers(engine, store), counting(model, 5))  # another service, without a filter
    shared = SharedAnswers(engine, store, filters.screen)
    assert await told(shared, counting(model, 5)) == [ip.Done.CONTENT_FILTER]
    assert model.prefills == [1], "it was kept"
    both = await asyncio.gather(*(told(shared, counting(model, 6)) for _ in range(2)))
    assert both == [["7 ", ip.Done.CONTENT_FILTER]] * 2
    assert (model.prefills, shared.joined) == ([1, 1], 1)
    assert counted == [("eight", "ended")] * 3
    await shared.close()


async def test_what_is_held_leaves_with_the_end_and_its_time_is_told(engine: Engine) -> None:
    whole = Scripted(after=lambda answer: FilterVerdict(held=len(answer.text)))
    shared = SharedAnswers(engine, None, ContentFilters([("whole", whole)]).screen)
    with shared.answering(counting(ScriptedModel(), 5)) as events:
        text, done = [event async for event in events]
    assert (text, isinstance(done, ip.Done)) == ("6 7 8 ", True)
    assert isinstance(done, ip.Done)
    assert 0 < done.stages.held <= done.stages.total


async def test_the_slowest_reader_is_not_the_filter(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cloud.engine.job.UNREAD_SECONDS", 0.02)
    slow = ContentFilters([("slow", Scripted(seconds=0.05))])
    shared = SharedAnswers(engine, None, slow.screen)
    assert (await told(shared, counting(ScriptedModel(), 5)))[-1] == ip.Done.LENGTH


async def test_a_filter_that_fails_lets_nothing_pass_and_quotes_nothing(
    engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(seen: AskedContent | AnswerSoFar) -> FilterVerdict:
        raise ValueError(str(seen))

    counted = list[tuple[str, str]]()
    filters = ContentFilters([("broken", Scripted(broken, broken))], lambda *one: counted.append(one))
    with pytest.raises(CloudError, match="broken"):
        await filters.check(AskedContent(["what is it?"]), NEVER)
    shared = SharedAnswers(engine, None, filters.screen)
    with pytest.raises(CloudError, match="failed at the request"):
        await told(shared, counting(ScriptedModel(), 5))
    assert counted == [("broken", "failed")] * 2
    assert "what is it?" not in caplog.text
    assert "6 7" not in caplog.text


async def test_a_filter_has_as_long_as_the_request() -> None:
    slow = ContentFilters([("slow", Scripted(seconds=60.0))])
    with pytest.raises(DeadlineError):
        await slow.check(AskedContent(["what is it?"]), asyncio.get_running_loop().time() + 0.01)


def test_an_installed_package_brings_filters_by_entry_points(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    brought = EntryPoints([EntryPoint("theirs", f"{__name__}:Scripted", "isthmus.content_filters")])
    monkeypatch.setattr("cloud.filters.registry.entry_points", brought.select)
    assert filter_names() == ["theirs", "words"]
    assert isinstance(open_filter("theirs", tmp_path), Scripted)
    with pytest.raises(UnknownName, match="did you mean words"):
        open_filter("word", tmp_path)
    (tmp_path / "words").write_text("secret")
    assert isinstance(open_filter("words", tmp_path / "words"), WordFilter)
