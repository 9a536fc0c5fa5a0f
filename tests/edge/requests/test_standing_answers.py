"""A standing question: its frames go in a stream, and whatever becomes of that, each frame has one answer."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import grpc
import numpy as np
import pytest

from edge.link.client import CloudClient
from edge.link.standing import Standing
from edge.pictures.resampling import Picture
from edge.requests.answer import Answer
from edge.requests.orchestrator import Orchestrator
from edge.testing.scripted_cloud import Context, ScriptedCloud, WatchScript, says, serving
from protos import inference_pb2 as pb
from protos.arms.rules import Rules
from protos.bundle import Bundle
from protos.costs.profile import DeviceProfile
from splitter.nano.scenes import picture

QUESTION = "describe the image"
ROUTE, OTHER_ROUTE = "split@connector/fitted-4", "split@connector/fitted-1"
REMOTE, OTHER = Rules(allow_local=False, route=ROUTE), Rules(allow_local=False, route=OTHER_ROUTE)
SCENES = [picture(77 + seed).image for seed in range(4)]
SINGLE = "by a request of its own"
STAGES = pb.Stages(decode=1, queue=2, tail=3, first_token=4, generate=5, total=15)


def answers(request: pb.WatchRequest, _: Context) -> Iterator[pb.WatchReply]:
    """Says something new of every second frame."""
    number = request.sequence
    if number % 2:
        done = pb.Done(reason=pb.Done.STOP, tokens=3, stages=STAGES)
        yield pb.WatchReply(sequence=number, text=f"frame {number}", done=done)
    else:
        yield pb.WatchReply(sequence=number, stages=[10, 20, 30, 40, 50])


def fails_at(number: int, script: WatchScript) -> WatchScript:
    """As `answers`, but for one frame of the first stream that comes so far."""
    failed = list[int]()

    def play(request: pb.WatchRequest, context: Context) -> Iterator[pb.WatchReply]:
        if request.sequence == number and not failed:
            failed.append(number)
            yield from script(request, context)
        else:
            yield from answers(request, context)

    return play


def silent(_: pb.WatchRequest, context: Context) -> Iterator[pb.WatchReply]:
    """Until the caller has gone."""
    while context.is_active():
        time.sleep(0.01)
    yield from ()


def aborts(code: grpc.StatusCode, words: str) -> WatchScript:
    def play(_: pb.WatchRequest, context: Context) -> Iterator[pb.WatchReply]:
        yield from ()
        context.abort(code, words)

    return play


class Device:
    """Asks one standing question of one scene after another."""

    def __init__(self, bundle: Bundle, cloud: ScriptedCloud, client: CloudClient) -> None:
        self.cloud, self.standing = cloud, Standing()
        profile = DeviceProfile.from_bundle(bundle)
        self.ahead = 0.0  # seconds, of the clock
        self.orchestrator = Orchestrator(
            bundle, client, profile, network_seconds=5.0, clock=lambda: time.monotonic() + self.ahead
        )
        self._number = 0

    def ask(self, image: Picture, rules: Rules = REMOTE) -> Answer:
        self._number += 1
        view = self.orchestrator.view(image, "gate", number=self._number)
        return self.orchestrator.answer(view, QUESTION, rules, standing=self.standing)


@contextmanager
def device(bundle: Bundle, script: WatchScript | None) -> Iterator[Device]:
    with ExitStack() as opened:
        cloud = opened.enter_context(serving(says(SINGLE)))
        cloud.watch_script = script
        client = opened.enter_context(CloudClient(cloud.address))
        found = Device(bundle, cloud, client)
        opened.callback(found.standing.close)
        yield found


def test_frames_go_in_one_stream_that_says_once_what_they_share(bundle: Bundle) -> None:
    with device(bundle, answers) as one:
        found = [one.ask(scene) for scene in SCENES]
    (opening,) = one.cloud.openings
    assert not one.cloud.requests
    assert (opening.bundle, opening.cut, opening.codec) == (bundle.id, "connector", "fitted-4")
    assert (opening.question, opening.silence) == (QUESTION, 0)
    assert [frame.sequence for frame in one.cloud.frames] == [1, 2, 3, 4]
    assert [answer.text for answer in found] == ["frame 1", "frame 1", "frame 3", "frame 3"]
    assert [answer.repeats for answer in found] == [None, 1, None, 3]
    assert [answer.tokens for answer in found] == [3] * 4
    assert {answer.route for answer in found} == {ROUTE}
    sent = [size(frame) for frame in one.cloud.frames]
    assert [answer.bytes_up for answer in found[1:]] == sent[1:]
    assert found[0].bytes_up > sent[0] + opening.ByteSize()


def test_what_a_frame_took_is_told_where_it_is_as_before_too(bundle: Bundle) -> None:
    with device(bundle, answers) as one:
        new, before = one.ask(SCENES[0]), one.ask(SCENES[1])
    for answer in (new, before):
        assert [answer.stages[name] for name in ("decode", "queue", "tail", "first_token", "generate")] == [
            1,
            2,
            3,
            4,
            5,
        ]
        assert answer.stages["network"] > 0
        assert answer.joules > 0


def test_a_frame_of_the_same_codes_sends_nothing(bundle: Bundle) -> None:
    with device(bundle, answers) as one:
        found = [one.ask(SCENES[0]) for _ in range(3)]
        other = one.ask(SCENES[1])
    assert [answer.bytes_up for answer in found[1:]] == [0, 0]
    assert [answer.repeats for answer in found] == [None, 1, 1]
    assert {answer.text for answer in found} == {"frame 1"}
    assert (len(one.cloud.frames), other.text) == (2, "frame 1")


def test_another_codec_opens_another_stream(bundle: Bundle) -> None:
    with device(bundle, answers) as one:
        found = [one.ask(scene, rules) for scene, rules in zip(SCENES, (REMOTE, OTHER, OTHER), strict=False)]
    assert [opening.codec for opening in one.cloud.openings] == ["fitted-4", "fitted-1"]
    assert [answer.text for answer in found] == ["frame 1"] * 3
    assert [answer.repeats for answer in found] == [None, None, 2]
    assert [frame.key_frame for frame in one.cloud.frames[:2]] == [True, True]


@pytest.mark.parametrize(
    "script",
    [
        aborts(grpc.StatusCode.UNAVAILABLE, "draining"),
        silent,
    ],
)
def test_a_frame_whose_stream_is_lost_is_a_request_and_the_next_opens_another(
    bundle: Bundle, script: WatchScript
) -> None:
    with device(bundle, fails_at(2, script)) as one:
        found = [one.ask(scene) for scene in SCENES]
    assert [answer.text for answer in found] == ["frame 1", SINGLE, "frame 1", "frame 1"]
    assert [answer.repeats for answer in found] == [None, None, None, 3]
    assert (len(one.cloud.openings), len(one.cloud.requests)) == (2, 1)
    lost, request = one.cloud.frames[1], one.cloud.requests[0]
    assert found[1].bytes_up == size(lost) + request.ByteSize()
    assert found[1].stages["lost"] > 0
    assert not any(answer.fallback for answer in found)


def test_a_stream_that_the_cloud_ends_between_frames_is_no_fault(bundle: Bundle) -> None:
    def answers_once(request: pb.WatchRequest, context: Context) -> Iterator[pb.WatchReply]:
        yield from answers(request, context)
        context.abort(grpc.StatusCode.UNAVAILABLE, "draining")

    with device(bundle, answers_once) as one:
        found = []
        for scene in SCENES[:3]:
            found.append(one.ask(scene))
            until(lambda: not one.standing.active)
        again = one.ask(SCENES[2])
    assert [answer.text for answer in found] == ["frame 1"] * 3
    assert (len(one.cloud.openings), len(one.cloud.requests)) == (3, 0)
    assert (again.bytes_up, again.repeats) == (0, 3)


@pytest.mark.parametrize("idle", [True, False])
def test_where_others_need_the_place_of_a_stream_frames_are_requests_for_a_minute(
    bundle: Bundle, idle: bool
) -> None:
    def ends(request: pb.WatchRequest, context: Context) -> Iterator[pb.WatchReply]:
        if idle:
            yield from answers(request, context)
        context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "all places are taken")

    with device(bundle, fails_at(1, ends)) as one:
        found = [one.ask(SCENES[0])]
        until(lambda: not one.standing.active)
        found += [one.ask(SCENES[1]), one.ask(SCENES[2])]
        one.ahead += 61.0
        found.append(one.ask(SCENES[3]))
    assert [answer.text for answer in found] == ["frame 1" if idle else SINGLE, SINGLE, SINGLE, "frame 1"]
    assert len(one.cloud.openings) == 2


def test_a_cloud_that_lost_the_frame_before_gets_a_key_frame(bundle: Bundle) -> None:
    def forgot(request: pb.WatchRequest, _: Context) -> Iterator[pb.WatchReply]:
        code = grpc.StatusCode.NOT_FOUND.value[0]
        yield pb.WatchReply(sequence=request.sequence, failure=pb.Failure(code=code, message="not kept"))

    slow = [SCENES[0], noisy(SCENES[0])]
    with device(bundle, fails_at(2, forgot)) as one:
        found = [one.ask(scene) for scene in slow]
    assert [answer.text for answer in found] == ["frame 1", "frame 1"]
    assert [frame.key_frame for frame in one.cloud.frames] == [True, False, True]
    assert not one.cloud.requests


def test_a_cloud_without_streams_is_asked_by_requests_for_good_and_that_is_said_once(
    bundle: Bundle, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    with device(bundle, None) as one:
        found = [one.ask(scene) for scene in SCENES[:3]]
    assert [answer.text for answer in found] == [SINGLE] * 3
    assert [answer.fallback for answer in found] == [None] * 3
    assert found[2].bytes_up == one.cloud.requests[2].ByteSize()
    (record,) = caplog.records
    assert "takes no frames in streams" in record.getMessage()
    assert one.cloud.address in record.getMessage()


def test_where_a_deadline_is_at_risk_the_device_answers_and_the_stream_is_left(bundle: Bundle) -> None:
    hurried = Rules(deadline_ms=1500.0, route=ROUTE)
    with device(bundle, silent) as one:
        one.orchestrator.prepare()
        answer = one.ask(SCENES[0], hurried)
        until(lambda: one.cloud.closings == 1)
    assert (answer.route, answer.repeats, len(one.cloud.requests)) == ("local", None, 0)
    assert answer.text


def test_two_frames_of_one_question_at_once_both_have_an_answer(bundle: Bundle) -> None:
    with device(bundle, answers) as one, one.standing.asked():
        assert one.ask(SCENES[0]).text == SINGLE


def test_a_question_that_is_closed_ends_its_stream(bundle: Bundle) -> None:
    with device(bundle, answers) as one:
        one.ask(SCENES[0])
        one.standing.close()
        until(lambda: one.cloud.closings == 1)
        assert one.ask(SCENES[1]).text == "frame 1"
        assert len(one.cloud.openings) == 2


def size(frame: pb.WatchRequest) -> int:
    """Bytes as it was sent: its number goes without saying."""
    return frame.ByteSize() - pb.WatchRequest(sequence=frame.sequence).ByteSize()


def until(true: Callable[[], bool]) -> None:
    while not true():
        time.sleep(0.01)


def noisy(image: Picture) -> Picture:
    """As a camera's next frame."""
    noise = np.random.default_rng(0).normal(0, 12, image.shape)
    return (image + noise).clip(0, 255).astype(np.uint8)
