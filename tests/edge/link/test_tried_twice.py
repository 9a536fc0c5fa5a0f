"""Requests whose reply is lost on the way, by a real server behind a link that is cut."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import grpc
import pytest

from bench.network.conditions import MEGABIT, Conditions
from bench.network.emulator import Link
from edge.link.client import CloudClient
from edge.link.cloud_call import CloudCall
from edge.testing.scripted_cloud import Context, Script, ScriptedCloud, refuses, says, serving
from protos import inference_pb2 as pb
from protos.errors import CloudBusy, CloudError, DeadlineError, WrongBundle

QUESTION = pb.InferRequest(question="what is it?", client_secret=bytes(16), idempotency_key=bytes(16))
FAST = Conditions.steady(1000 * MEGABIT, round_trip=0.002)


@contextmanager
def linked(script: Script) -> Iterator[tuple[ScriptedCloud, Link, CloudClient]]:
    with (
        serving(script) as cloud,
        Link(cloud.address, FAST) as link,
        CloudClient(link.address) as client,
    ):
        yield cloud, link, client


def asked(
    client: CloudClient,
    *,
    seconds: float = 60,
    silence: float | None = None,
    afford: Callable[[int], bool] = lambda _: True,
) -> tuple[CloudCall, list[str]]:
    call, told = CloudCall(QUESTION), list[str]()
    call.read(call.begin_keyed(client, seconds, silence, afford), told.append)
    return call, told


def breaking(act: Callable[[], None], first: str, *whole: str) -> Script:
    """The first try says a word and has its connection broken; later ones are answered from the first word
    on.
    """
    tries: list[str] = []

    def script(request: pb.InferRequest, context: Context) -> Iterator[pb.InferReply]:
        tries.append(request.id)
        if len(tries) > 1:
            yield from says(*whole)(request, context)
            return
        if first:
            yield pb.InferReply(text=first)
        act()
        context.abort(grpc.StatusCode.UNAVAILABLE, "the way is broken")

    return script


def test_a_reply_that_is_lost_with_its_connection_is_asked_for_again() -> None:
    with linked(says()) as (cloud, link, client):
        cloud.script = breaking(link.reset, "", "a cat")
        call, told = asked(client)
    assert told == ["a cat"]
    assert call.sent == 2 * QUESTION.ByteSize()
    assert [one.idempotency_key for one in cloud.requests] == 2 * [QUESTION.idempotency_key]


def test_what_was_told_before_the_break_is_not_told_twice() -> None:
    with linked(breaking(lambda: None, "a c", "a cat", " sleeps")) as (_, _, client):
        assert asked(client)[1] == ["a c", "at", " sleeps"]


def test_another_answer_than_was_begun_is_an_error() -> None:
    with (
        linked(breaking(lambda: None, "a c", "a dog")) as (_, _, client),
        pytest.raises(CloudError, match="another"),
    ):
        asked(client)


def test_a_connection_that_a_router_forgot_is_left_for_another_and_the_request_is_answered() -> None:
    """Nobody resets it: what is sent vanishes."""
    with linked(says("a cat")) as (cloud, link, client):
        asked(client)
        link.forget()
        call, told = asked(client, silence=0.5)
        after, _ = asked(client, silence=30)
    assert told == ["a cat"]
    assert (call.tries, after.tries) == (2, 1)
    assert len(cloud.requests) == 3  # what vanished came to nobody


def test_a_silence_after_which_nothing_may_be_sent_is_an_error_that_names_it() -> None:
    with linked(says("a cat")) as (_, link, client):
        asked(client)
        link.forget()
        with pytest.raises(CloudError, match=r"said nothing for 0\.5 s") as caught:
            asked(client, silence=0.5, afford=lambda _: False)
        assert not isinstance(caught.value, DeadlineError)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (grpc.StatusCode.FAILED_PRECONDITION, WrongBundle),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, CloudBusy),
        (grpc.StatusCode.INTERNAL, CloudError),
    ],
)
def test_what_the_cloud_itself_refuses_is_not_tried_again(
    code: grpc.StatusCode, kind: type[Exception]
) -> None:
    with linked(refuses(code, "no")) as (cloud, _, client), pytest.raises(kind):
        asked(client)
    assert len(cloud.requests) == 1


def test_who_closes_the_call_gets_no_second_try() -> None:
    with linked(refuses(grpc.StatusCode.UNAVAILABLE, "no")) as (cloud, _, client):
        call = CloudCall(QUESTION)
        replies = call.begin_keyed(client, 60, None, lambda _: True)
        replies.close()
        with pytest.raises(CloudError):
            call.read(replies, lambda _: None)
    assert len(cloud.requests) <= 1
