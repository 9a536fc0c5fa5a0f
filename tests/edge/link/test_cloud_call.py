"""One message to the cloud, and what its reply says of it."""

import pytest

from edge.link.cloud_call import CloudCall
from protos import inference_pb2 as pb


@pytest.mark.parametrize(
    ("stages", "ran"),
    [
        ({"decode": 1, "tail": 2, "first_token": 3, "total": 6}, True),
        ({"decode": 1, "first_token": 3, "total": 4}, True),
        ({"decode": 1, "queue": 0.1, "total": 1.1}, False),
        ({}, True),
    ],
)
def test_an_answer_that_was_given_before_teaches_nothing_of_the_model(
    stages: dict[str, float], ran: bool
) -> None:
    call = CloudCall(pb.InferRequest())
    call.done = pb.Done(stages=pb.Stages(**stages))
    assert call.ran is ran


def test_words_that_a_content_filter_held_back_are_no_time_of_the_network() -> None:
    call = CloudCall(pb.InferRequest())
    call.first_reply, call.first_is_text = 0.120, True
    call.done = pb.Done(stages=pb.Stages(queue=10, first_token=40, generate=60, total=110, held=50))
    assert call.network_ms() == pytest.approx(20)
