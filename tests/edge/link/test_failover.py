"""Several clouds as one, for who asks without a decision."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import grpc
import pytest

from edge.link.client import CloudClient
from edge.link.failover import FailoverClient
from edge.testing.scripted_cloud import Script, ScriptedCloud, refuses, says, serving
from protos import inference_pb2 as pb
from protos.errors import CloudError, RequestError, WrongBundle

QUESTION = pb.InferRequest(question="what is it?")
WRONG = refuses(grpc.StatusCode.FAILED_PRECONDITION, "it serves 3fa9")


@contextmanager
def two(first: Script, second: Script) -> Iterator[tuple[FailoverClient, list[ScriptedCloud]]]:
    with ExitStack() as opened:
        clouds = [opened.enter_context(serving(script)) for script in (first, second)]
        clients = [opened.enter_context(CloudClient(cloud.address)) for cloud in clouds]
        yield FailoverClient(clients), clouds


def said(client: FailoverClient) -> list[str]:
    return [reply.text for reply in client.infer(QUESTION, 10) if reply.text]


def test_a_cloud_that_cannot_help_is_left_for_the_next_within_the_call() -> None:
    with two(WRONG, says("b")) as (client, clouds):
        assert said(client) == said(client) == ["b"]
    assert [len(cloud.requests) for cloud in clouds] == [1, 2]


def test_nobody_there_is_left_as_well() -> None:
    with serving(says("b")) as cloud, CloudClient("127.0.0.1:1") as gone, CloudClient(cloud.address) as here:
        assert said(FailoverClient([gone, here])) == ["b"]


def test_where_a_reply_was_lost_the_same_cloud_is_asked_again() -> None:
    with two(refuses(grpc.StatusCode.UNAVAILABLE, "killed", "half"), says("b")) as (client, clouds):
        for _ in range(2):
            with pytest.raises(CloudError, match="killed"):
                said(client)
    assert [len(cloud.requests) for cloud in clouds] == [2, 0]


def test_what_every_cloud_refuses_is_the_last_ones_error() -> None:
    with two(WRONG, WRONG) as (client, clouds), pytest.raises(WrongBundle, match="3fa9"):
        said(client)
    assert [len(cloud.requests) for cloud in clouds] == [1, 1]


def test_a_request_that_is_none_is_asked_of_one() -> None:
    refusal = refuses(grpc.StatusCode.INVALID_ARGUMENT, "no")
    with two(refusal, says("b")) as (client, clouds), pytest.raises(RequestError):
        said(client)
    assert [len(cloud.requests) for cloud in clouds] == [1, 0]
