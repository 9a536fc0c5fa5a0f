"""A call that is read in the background, against a real server."""

import threading

import grpc
import pytest

from edge.link.client import CloudClient, Replies
from edge.link.cloud_call import CloudCall
from edge.link.reading import reading
from edge.testing.scripted_cloud import Script, falls_silent, refuses, says, serving
from protos import inference_pb2 as pb
from protos.errors import CloudError

LONG = 60.0


def threads() -> set[str]:
    return {thread.name for thread in threading.enumerate()}


def begun(client: CloudClient, seconds: float = LONG) -> tuple[CloudCall, Replies]:
    call = CloudCall(pb.InferRequest(question="?"))
    return call, call.begin(client, seconds)


def collected(script: Script, seconds: float = LONG) -> list[str]:
    told: list[str] = []
    with (
        serving(script) as cloud,
        CloudClient(cloud.address) as client,
        reading(*begun(client, seconds)) as pending,
    ):
        pending.finish(told.append)
        assert pending.done
    assert "cloud call" not in threads()
    return told


def test_an_answer_is_passed_on_to_its_end() -> None:
    assert collected(says("a ", "cat")) == ["a ", "cat"]


def test_an_error_is_raised_where_the_answer_is_waited_for() -> None:
    with pytest.raises(CloudError, match="gone"):
        collected(refuses(grpc.StatusCode.UNAVAILABLE, "gone", "a "))


def test_a_wait_ends_while_the_call_goes_on_and_leaving_cancels_it() -> None:
    told: list[str] = []
    with serving(falls_silent("a ")) as cloud, CloudClient(cloud.address) as client:
        with reading(*begun(client)) as pending:
            while not told:
                assert not pending.pass_on(told.append, 0.05)
            assert not pending.done
        assert "cloud call" not in threads()
        assert told == ["a "]
        cloud.script = says("next")
        assert next(client.infer(pb.InferRequest(), LONG)).text == "next", "of use again"


def test_what_came_before_an_exception_cancels_the_call_too() -> None:
    with serving(falls_silent()) as cloud, CloudClient(cloud.address) as client:
        with pytest.raises(ZeroDivisionError), reading(*begun(client)):
            raise ZeroDivisionError
        assert "cloud call" not in threads()
