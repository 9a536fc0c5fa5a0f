"""A further question about a frame is prefilled from the end of its picture, by its owner only."""

from dataclasses import replace

import pytest

from cloud.engine.encoder_cache import EncoderCache
from cloud.engine.engine import Engine
from cloud.engine.job import GenerationJob
from cloud.engine.prefix_cache import PrefixCache
from cloud.engine.request_queue import RequestQueue
from cloud.engine.scheduling.scheduler import Scheduler
from cloud.engine.ttl_cache import ENTRY_BYTES
from protos.errors import PayloadError
from tests.cloud.engine.scripted import NAN, ScriptedModel, counting, events
from tests.cloud.engine.test_engine import answer, running

HELD = 2 * 4 + ENTRY_BYTES  # of a prefix of one token, in keys and values of four bytes


def asking(model: ScriptedModel, *prompt: int, owner: str = "me", frame: str = "a" * 16) -> GenerationJob:
    """A question about a frame: the last number of the prompt, behind the tokens of its picture."""
    job = counting(model, prompt[-1], max_tokens=1)
    assert job.image
    job.image, job.prompt = replace(job.image, owner=owner, frame=frame), list(prompt)
    return job


def engine(max_bytes: int = 1 << 20, seconds: float = 60.0) -> Engine:
    cache = PrefixCache(max_bytes, seconds)
    return Engine(RequestQueue(Scheduler(8), 64), EncoderCache(1 << 20), None, cache)


async def test_only_what_follows_the_picture_is_read_of_a_further_question() -> None:
    model = ScriptedModel()
    async with running(one := engine()):
        assert await answer(one, asking(model, 9, 5)) == [["6 "]]
        second, third = asking(model, 9, 7), asking(model, 9, 8, 3)
        assert (second.prompt_tokens, third.prompt_tokens) == (2, 3)
        assert await answer(one, second, third) == [["8 "], ["4 "]]
    assert (second.prompt_tokens, third.prompt_tokens) == (1, 2)
    assert (model.prefills, model.resumed) == ([1], [1, 1])
    assert (one.prefix_cache.cache.hits, one.prefix_cache.cache.misses) == (2, 1)
    assert one.prefix_cache.cache.bytes == HELD


@pytest.mark.parametrize(
    "other",
    [{"owner": "another"}, {"frame": "b" * 16}, {"owner": ""}, {"frame": ""}],
)
async def test_what_was_read_is_of_one_owner_and_frame(other: dict[str, str]) -> None:
    model = ScriptedModel()
    async with running(one := engine()):
        await answer(one, asking(model, 9, 5))
        await answer(one, asking(model, 9, 5, **other))
    assert model.resumed == []


async def test_another_prompt_before_the_picture_and_another_bundle_are_read_as_a_whole() -> None:
    models = ScriptedModel(), ScriptedModel("other")
    async with running(one := engine()):
        for model, begun in ((models[0], 9), (models[0], 8), (models[1], 8)):
            assert await answer(one, asking(model, begun, 5)) == [["6 "]]
    assert [model.resumed for model in models] == [[], []]


@pytest.mark.parametrize("bounds", [(0, 60.0), (HELD - 1, 60.0), (1 << 20, 0.0)])
async def test_nothing_is_kept_without_room_or_time(bounds: tuple[int, float]) -> None:
    model = ScriptedModel()
    async with running(one := engine(*bounds)):
        for _ in range(2):
            await answer(one, asking(model, 9, 5))
    assert (model.resumed, one.prefix_cache.cache.bytes) == ([], 0)


async def test_what_became_no_number_is_not_kept() -> None:
    model = ScriptedModel()
    async with running(one := engine()):
        with one.holding(spoilt := asking(model, 9, NAN)), pytest.raises(PayloadError):
            await events(spoilt)
        assert await answer(one, asking(model, 9, 5)) == [["6 "]]
    assert model.resumed == []
    assert one.prefix_cache.cache.bytes == HELD


async def test_what_is_kept_goes_when_its_time_is_over() -> None:
    now = 0.0
    cache, model = PrefixCache(1 << 20, 60.0, lambda: now), ScriptedModel()
    async with running(one := Engine(RequestQueue(Scheduler(8), 64), EncoderCache(1 << 20), None, cache)):
        await answer(one, asking(model, 9, 5))
    now = 61.0
    cache.resume([late := asking(model, 9, 5)])
    cache.expire()
    assert (late.prefix, cache.cache.bytes) == (None, 0)
