"""The client against a real server on a free port."""

import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Event

import grpc
import pytest

from bench.network.conditions import MEGABIT, Conditions
from bench.network.emulator import Link
from edge.link.client import CloudClient, bytes_left
from edge.testing.scripted_cloud import breaks_off, falls_silent, refuses, says, serving
from protos import inference_pb2 as pb
from protos.connection import keepalive
from protos.errors import (
    CloudBusy,
    CloudError,
    DeadlineError,
    IsthmusError,
    RequestError,
    TooLarge,
    UnknownFrame,
    UnusableCloud,
    WrongBundle,
)

QUESTION = pb.InferRequest(id="1", question="what is it?")


def test_replies_come_in_order_and_end_with_done() -> None:
    with serving(says("a ", "cat")) as cloud, CloudClient(cloud.address) as client:
        replies = list(client.infer(QUESTION, 5))
    assert [reply.text for reply in replies[:-1]] == ["a ", "cat"]
    assert replies[-1].done.reason == pb.Done.STOP
    assert cloud.requests == [QUESTION]


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (grpc.StatusCode.UNAVAILABLE, CloudError),
        (grpc.StatusCode.INTERNAL, CloudError),
        (grpc.StatusCode.FAILED_PRECONDITION, WrongBundle),
        (grpc.StatusCode.NOT_FOUND, UnknownFrame),
        (grpc.StatusCode.INVALID_ARGUMENT, RequestError),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, CloudBusy),
        (grpc.StatusCode.DEADLINE_EXCEEDED, DeadlineError),
    ],
)
def test_a_status_becomes_our_error_with_the_clouds_words(
    code: grpc.StatusCode, kind: type[IsthmusError]
) -> None:
    with (
        serving(refuses(code, "it serves 3fa9")) as cloud,
        CloudClient(cloud.address) as client,
        pytest.raises(IsthmusError, match="it serves 3fa9") as caught,
    ):
        list(client.infer(QUESTION, 5))
    assert type(caught.value) is kind
    assert caught.value.facts["status"] == code.name


def test_nobody_there_is_a_cloud_error_that_names_the_address() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, but it does not listen
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with CloudClient(address) as client, pytest.raises(CloudError, match=address):
            list(client.infer(QUESTION, 5))


def failure(address: str, seconds: float, request: pb.InferRequest = QUESTION) -> IsthmusError:
    with CloudClient(address) as client, pytest.raises(IsthmusError) as caught:
        list(client.infer(request, seconds))
    return caught.value


def test_what_never_found_a_connection_never_left() -> None:
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        refused = failure(f"127.0.0.1:{deaf.getsockname()[1]}", 5)
    unknown = failure("nowhere.invalid:7070", 5)
    assert [bytes_left(QUESTION, error) for error in (refused, unknown)] == [0, 0]


def test_what_was_refused_or_not_answered_in_time_has_left() -> None:
    words = "failed to connect to all addresses"  # of a proxy's upstream
    scripts = (refuses(grpc.StatusCode.UNAVAILABLE, "draining"), falls_silent(), falls_silent("a "))
    for script in (*scripts, refuses(grpc.StatusCode.UNAVAILABLE, words)):
        with serving(script) as cloud:
            assert bytes_left(QUESTION, failure(cloud.address, 0.5)) == QUESTION.ByteSize()


def test_what_is_too_large_never_leaves() -> None:
    large = pb.InferRequest(picture=pb.Picture(data=bytes(1000)))
    with CloudClient("127.0.0.1:1", max_bytes=100) as client, pytest.raises(TooLarge) as caught:
        list(client.infer(large, 5))
    assert bytes_left(large, caught.value) == 0


def test_silence_ends_at_the_limit_of_time() -> None:
    with (
        serving(falls_silent()) as cloud,
        CloudClient(cloud.address) as client,
        pytest.raises(DeadlineError, match="in time"),
    ):
        list(client.infer(QUESTION, 0.1))


def test_words_before_a_death_are_given() -> None:
    words: list[str] = []
    script = refuses(grpc.StatusCode.UNAVAILABLE, "gone", "a ")
    with serving(script) as cloud, CloudClient(cloud.address) as client, pytest.raises(CloudError):
        words.extend(reply.text for reply in client.infer(QUESTION, 5))
    assert words == ["a "]


def test_a_stream_without_an_end_is_no_error_here() -> None:
    with serving(breaks_off("a")) as cloud, CloudClient(cloud.address) as client:
        assert [reply.text for reply in client.infer(QUESTION, 5)] == ["a"]


def test_closing_the_replies_cancels_the_call() -> None:
    gone = []

    def script(request: pb.InferRequest, context: grpc.ServicerContext):  # type: ignore[no-untyped-def] # noqa: ANN202
        context.add_callback(lambda: gone.append(request.id))
        yield from falls_silent("a")(request, context)

    with serving(script) as cloud, CloudClient(cloud.address) as client:
        replies = client.infer(QUESTION, 5)
        assert next(replies).text == "a"
        replies.close()
        until = time.monotonic() + 5
        while not gone and time.monotonic() < until:
            time.sleep(0.01)
    assert gone == ["1"]


def test_closing_one_call_from_another_thread_leaves_the_others() -> None:
    with serving(falls_silent("a")) as cloud, CloudClient(cloud.address) as client:
        first, second = client.infer(QUESTION, 60), client.infer(QUESTION, 60)
        assert [next(first).text, next(second).text] == ["a", "a"]
        with ThreadPoolExecutor(1) as pool:
            waits = pool.submit(next, first)
            first.close()
            assert isinstance(waits.exception(20), CloudError)
        cloud.script = says("b")
        assert next(client.infer(QUESTION, 60)).text == "b"
        second.close()


def test_a_channel_that_is_hung_up_lets_calls_in_flight_end_and_another_is_opened() -> None:
    go_on = Event()

    def script(request: pb.InferRequest, context: grpc.ServicerContext) -> Iterator[pb.InferReply]:
        yield pb.InferReply(id=request.id, text="a ")
        assert go_on.wait(20)
        yield from says("cat")(request, context)

    unusable = "failed to connect; http2 header with status: 404"
    with serving(script) as cloud, CloudClient(cloud.address) as client:
        under_way = client.infer(QUESTION, 60)
        assert next(under_way).text == "a "
        cloud.script = refuses(grpc.StatusCode.UNAVAILABLE, unusable)
        with pytest.raises(UnusableCloud):
            list(client.infer(QUESTION, 60))
        go_on.set()
        assert [reply.text for reply in under_way] == ["cat", ""]
        cloud.script = says("again")
        assert next(client.infer(QUESTION, 60)).text == "again"


def test_a_client_that_was_closed_says_so() -> None:
    client = CloudClient("127.0.0.1:1")
    client.close()
    client.close()
    with pytest.raises(CloudError, match="is closed"):
        client.infer(QUESTION, 5)


def test_a_request_over_the_limit_is_not_sent() -> None:
    large = pb.InferRequest(picture=pb.Picture(data=bytes(2000)))
    with (
        serving(says("a")) as cloud,
        CloudClient(cloud.address, max_bytes=1000) as client,
        pytest.raises(TooLarge, match="at most 1000"),
    ):
        list(client.infer(large, 5))
    assert not cloud.requests


def test_a_request_over_the_clouds_limit_is_too_large() -> None:
    large = pb.InferRequest(picture=pb.Picture(data=bytes(5 << 20)))  # gRPC takes 4 MiB unless told otherwise
    with serving(says("a")) as cloud, CloudClient(cloud.address) as client, pytest.raises(TooLarge):
        list(client.infer(large, 5))


def test_it_finds_a_cloud_that_comes_back_on_the_same_port() -> None:
    with serving(says("first")) as cloud:
        address = cloud.address
        client = CloudClient(address)
        list(client.infer(QUESTION, 5))
    with client:
        with pytest.raises(CloudError):
            list(client.infer(QUESTION, 5))
        with serving(says("second"), address) as cloud:
            texts = ask_until_answered(client)
    assert texts == ["second"]


def ask_until_answered(client: CloudClient) -> list[str]:
    until = time.monotonic() + 20
    while True:
        try:
            return [reply.text for reply in client.infer(QUESTION, 5) if reply.text]
        except CloudError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)


def test_converse_carries_many_requests() -> None:
    requests = [pb.InferRequest(id=str(index)) for index in range(5)]
    with serving(says("yes")) as cloud, CloudClient(cloud.address) as client:
        replies = list(client.converse(iter(requests), 5))
    assert [reply.id for reply in replies if reply.text] == ["0", "1", "2", "3", "4"]


def test_describe() -> None:
    with serving(says("a")) as cloud, CloudClient(cloud.address) as client:
        client.connect()
        assert client.describe(5).version == "scripted"


def test_a_connection_that_a_router_forgot_is_given_up_and_another_made() -> None:
    """Nobody resets it: what is sent vanishes."""
    fast = Conditions.steady(1000 * MEGABIT, round_trip=0.002)
    with (
        serving(says("cat")) as cloud,
        Link(cloud.address, fast) as link,
        CloudClient(link.address) as client,
    ):
        list(client.infer(QUESTION, 5))
        link.forget()
        with pytest.raises(DeadlineError):
            list(client.infer(QUESTION, 1))
        for _ in range(60):
            with suppress(DeadlineError, CloudError):
                assert [reply.text for reply in client.infer(QUESTION, 1)] == ["cat", ""]
                return
    pytest.fail("the lost connection was still used after a minute")


def test_a_quiet_stream_lives_through_many_pings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keepalive, "PING_SECONDS", 1)

    def questions() -> Iterator[pb.InferRequest]:
        yield QUESTION
        time.sleep(6)
        yield QUESTION

    with serving(says("cat")) as cloud, CloudClient(cloud.address) as client:
        replies = [reply.text for reply in client.converse(questions())]
    assert replies == ["cat", "", "cat", ""]
