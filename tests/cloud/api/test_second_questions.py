"""A second question about a frame: what of it is done again, and that the answer is the same."""

import grpc
import pytest

from cloud.models.tail import Tail
from protos import inference_pb2 as ip
from tests.cloud.calling import SECRET, Answered, Caller, Pixels, calling, picture_request

FIRST, SECOND = "describe the image", "what color is the circle"


async def second(caller: Caller, tail: Tail, scene: Pixels, secret: bytes = SECRET) -> Answered:
    first = await caller.ask(picture_request(tail.bundle, scene, FIRST, client_secret=secret))
    request = ip.InferRequest(bundle=tail.bundle.id, question=SECOND, client_secret=secret)
    request.cached_frame = first.done.frame
    return await caller.ask(request)


async def test_it_goes_on_from_the_picture_and_is_answered_as_the_whole(
    tail: Tail, scenes: list[Pixels]
) -> None:
    async with calling(tail) as caller, calling(tail, max_prefix_bytes=0) as forgetful:
        for scene in scenes[:3]:
            assert (await second(caller, tail, scene)).text == (await second(forgetful, tail, scene)).text
        figures = [one.service.engine.prefix_cache.cache for one in (caller, forgetful)]
        assert [(one.hits, one.misses) for one in figures] == [(3, 3), (0, 0)]
        assert figures[0].bytes > 0


async def test_the_same_question_by_the_same_sender_is_answered_without_the_model(
    tail: Tail, scenes: list[Pixels]
) -> None:
    async with calling(tail, keep_results=60.0) as caller:
        first, again = [await second(caller, tail, scenes[0]) for _ in range(2)]
        theirs = await second(caller, tail, scenes[0], b"s" * 16)
    assert first.text == again.text == theirs.text != ""
    assert again.done.frame == first.done.frame
    assert [answer.done.stages.first_token > 0 for answer in (first, again, theirs)] == [True, False, True]


async def test_what_is_known_is_answered_where_a_run_would_be_too_late(
    tail: Tail, scenes: list[Pixels], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, other = (picture_request(tail.bundle, scenes[0], question) for question in (FIRST, SECOND))
    async with calling(tail, keep_results=60.0) as caller:
        first = await caller.ask(asked)
        monkeypatch.setattr(caller.service.engine.queue._quickest, "seconds", lambda *_: 1000.0)
        assert (await caller.ask(asked)).text == first.text
        for late in (other, picture_request(tail.bundle, scenes[0], FIRST, client_secret=b"s" * 16)):
            status, words = await caller.refusal(late)
            assert (status, "quickest answers" in words) == (grpc.StatusCode.DEADLINE_EXCEEDED, True)
