"""Answers as bytes."""

import pytest

from cloud.answers.answer_store import KeptAnswer
from protos import inference_pb2 as ip

DONE = ip.Done(reason=ip.Done.LENGTH, tokens=2, frame=bytes(8), scores=[ip.Score(label="cat", probability=1)])


@pytest.mark.parametrize("text", ["", "a cat", "ä\n"])
def test_an_answer_comes_back_from_its_bytes(text: str) -> None:
    answer = KeptAnswer(text, DONE)
    assert KeptAnswer.from_bytes(answer.to_bytes()) == answer


WHOLE = KeptAnswer("a cat", DONE).to_bytes()


@pytest.mark.parametrize("data", [b"", b"\x00", b"\xff" * 20, WHOLE[:-3], WHOLE[:9], WHOLE[1:], b"no answer"])
def test_what_is_no_answer_is_none(data: bytes) -> None:
    assert KeptAnswer.from_bytes(data) is None
