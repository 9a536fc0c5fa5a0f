"""Events as messages of the wire."""

import pytest

from cloud.api.replies import failure, reply
from protos import inference_pb2 as ip
from protos.errors import CloudBusy


def load() -> ip.Load:
    return ip.Load(running=3)


def test_text_is_a_piece_and_the_last_event_reports_the_load() -> None:
    assert reply("a", "word", load) == ip.InferReply(id="a", text="word")
    last = reply("a", ip.Done(tokens=2), load)
    assert (last.id, last.done.tokens, last.done.load.running) == ("a", 2, 3)
    with pytest.raises(TypeError):
        reply("a", ip.EmbedReply(), load)


def test_a_failure_has_the_code_of_its_status() -> None:
    failed = failure("a", CloudBusy("try again")).failure
    assert (failed.code, failed.message) == (8, "try again")
