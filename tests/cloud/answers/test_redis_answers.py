"""Answers in Redis: several services share them, and go on without where it is away."""

import importlib
import sys
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from cloud.answers.answer_store import AnswerKey, KeptAnswer
from cloud.answers.redis_answers import RedisAnswers
from cloud.models.tail import Tail
from protos import inference_pb2 as ip
from protos.errors import RequestError
from tests.cloud.answers.redis_server import redis_only, redis_server
from tests.cloud.calling import Pixels, calling, picture_request

pytestmark = redis_only

KEY, ANSWER = AnswerKey("mine", "ab" * 32), KeptAnswer("a red circle", ip.Done(reason=ip.Done.STOP, tokens=3))


async def test_what_one_service_was_asked_another_knows(
    tail: Tail, scenes: list[Pixels], tmp_path: Path
) -> None:
    request = picture_request(tail.bundle, scenes[0], "what color is the circle")
    shared: dict[str, Any] = {"keep_results": 60.0}
    with redis_server(tmp_path) as url:
        async with calling(tail, redis=url, **shared) as one, calling(tail, redis=url, **shared) as other:
            first, second = await one.ask(request), await other.ask(request)
            request.client_secret = b"s" * 16
            third = await other.ask(request)
    assert first.text == second.text == third.text != ""
    ran = [answer.done.stages.first_token > 0 for answer in (first, second, third)]
    assert ran == [True, False, True], "who has another secret is told nothing"


async def test_a_name_tells_nothing_a_value_is_no_pickle_and_both_go_in_time(tmp_path: Path) -> None:
    with redis_server(tmp_path) as url:
        answers, plain = RedisAnswers(url, 60.0), Redis.from_url(url)
        await answers.put(KEY, ANSWER)
        assert await plain.keys() == [b"isthmus/answer/" + b"ab" * 32]
        (name,) = await plain.keys()
        assert await plain.get(name) == ANSWER.to_bytes()
        assert 0 < await plain.pttl(name) <= 60_000
        assert await answers.get(KEY) == ANSWER
        await plain.set(name, b"no answer")
        assert await answers.get(KEY) is None
        assert (answers.counts.hits, answers.counts.misses) == (1, 1)
        await answers.close()
        await plain.aclose()


async def test_a_redis_that_goes_and_comes_back_is_done_without_and_used_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    now = 0.0
    with redis_server(tmp_path) as url:
        answers = RedisAnswers(url, 60.0, lambda: now)
        await answers.put(KEY, ANSWER)
        assert await answers.get(KEY) == ANSWER
    for _ in range(3):
        await answers.put(KEY, ANSWER)
        assert await answers.get(KEY) is None
        now += 10.0
    with redis_server(tmp_path):
        await answers.put(KEY, ANSWER)
        assert await answers.get(KEY) == ANSWER
        await answers.close()
    assert [record.getMessage().partition(" (")[0] for record in caplog.records] == [
        "Redis at its socket is away",
        "Redis at its socket is back; answers are kept",
    ]


async def test_a_redis_that_was_away_is_not_asked_for_a_while(tmp_path: Path) -> None:
    now = 0.0
    answers = RedisAnswers(f"unix://{tmp_path}/redis.socket", 60.0, lambda: now)
    assert await answers.get(KEY) is None
    with redis_server(tmp_path):
        await answers.put(KEY, ANSWER)
        now = 6.0
        assert await answers.get(KEY) is None, "it was not asked to keep it"
        await answers.close()


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "redis.asyncio", None)
    monkeypatch.delitem(sys.modules, "cloud.answers.redis_answers")
    with pytest.raises(RequestError, match="pip install 'isthmus"):
        importlib.import_module("cloud.answers.redis_answers")


def test_what_is_no_url_is_refused() -> None:
    with pytest.raises(RequestError, match="no URL of Redis"):
        RedisAnswers("redis://localhost:6379/0?socket_timeout=soon", 60.0)
