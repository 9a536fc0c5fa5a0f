"""Answers that are given again before the cloud has said so: confirmed, changed, or to be asked again."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace

import grpc
import pytest

from edge.link.client import CloudClient
from edge.link.standing import Standing
from edge.link.standing_stream import StreamLost
from edge.pictures.resampling import Picture
from edge.requests.answer import Answer
from edge.requests.orchestrator import Orchestrator
from edge.testing.scripted_cloud import Context, ScriptedCloud, WatchScript, says, serving
from protos import inference_pb2 as pb
from protos.arms.rules import Rules
from protos.bundle import Bundle
from protos.costs.profile import DeviceProfile
from splitter.nano.scenes import picture

ROUTE = "split@connector/fitted-4"
SINGLE = "by a request of its own"
REMOTE = Rules(allow_local=False, route=ROUTE)
SCENES = [picture(77 + seed).image for seed in range(5)]
NEW = pb.Done(reason=pb.Done.STOP, tokens=3, stages=pb.Stages(decode=1, total=1))
Replies = dict[int, list[pb.WatchReply]]


def new(number: int) -> pb.WatchReply:
    return pb.WatchReply(sequence=number, text=f"frame {number}", done=NEW)


STILL: Replies = {
    1: [new(1)],
    2: [pb.WatchReply(sequence=2, stages=[10])],
}  # from here on replies may be left out


def script_of(replies: Replies, end: grpc.StatusCode | None = None) -> WatchScript:
    """Gives these by the frame's number, to others none; behind the last it may end the stream."""

    def play(request: pb.WatchRequest, context: Context) -> Iterator[pb.WatchReply]:
        yield from replies.get(request.sequence, [])
        if end and request.sequence == max(replies):
            context.abort(end, "gone")

    return play


class Device:
    def __init__(self, bundle: Bundle, cloud: ScriptedCloud, client: CloudClient) -> None:
        self.cloud, self.standing = cloud, Standing(max_unconfirmed=24)
        self.orchestrator = Orchestrator(bundle, client, DeviceProfile.from_bundle(bundle))
        self._number = 0

    def ask(self, image: Picture, rules: Rules = REMOTE) -> Answer:
        self._number += 1
        view = self.orchestrator.view(image, "gate", number=self._number)
        return self.orchestrator.answer(view, "what is it?", rules, standing=self.standing)


@contextmanager
def device(bundle: Bundle, script: WatchScript) -> Iterator[Device]:
    with ExitStack() as opened:
        cloud = opened.enter_context(serving(says(SINGLE)))
        cloud.watch_script = script
        client = opened.enter_context(CloudClient(cloud.address))
        found = Device(bundle, cloud, client)
        opened.callback(found.standing.close)
        yield found


def sure(answer: Answer) -> Answer:
    """What it has come to; a machine that is busy may have passed the moment in which it was sure at once."""
    until(lambda: answer.unconfirmed is None or answer.unconfirmed.frame.settled)
    return answer.confirmed()


def until(true: Callable[[], bool]) -> None:
    while not true():
        time.sleep(0.005)


def test_a_reply_that_is_left_out_is_not_waited_for_and_the_next_confirms_it(bundle: Bundle) -> None:
    with device(bundle, script_of({**STILL, 5: [pb.WatchReply(sequence=5)]})) as one:
        found = [one.ask(scene) for scene in SCENES]
        confirmed = [sure(answer) for answer in found]
    assert [answer.text for answer in found] == ["frame 1"] * 5
    assert [answer.repeats for answer in found] == [None, 1, 1, 1, 1]
    assert [answer.unconfirmed is None for answer in found[:4]] == [True, True, False, False]
    assert "network" not in found[2].stages, "nothing is learned where nothing came"
    assert [(answer.text, answer.repeats) for answer in confirmed[1:]] == [("frame 1", 1)] * 4
    (opening,) = one.cloud.openings
    assert (opening.silence, opening.silence_milliseconds > 0) == (24, True)


def test_an_answer_that_comes_late_is_the_one_of_its_frame(bundle: Bundle) -> None:
    with device(bundle, script_of({**STILL, 4: [new(3), pb.WatchReply(sequence=4)]})) as one:
        third, fourth = [one.ask(scene) for scene in SCENES[:4]][2:]
        assert third.text == "frame 1"
        changed, after = sure(third), sure(fourth)
    assert (changed.text, changed.repeats, changed.tokens) == ("frame 3", None, 3)
    assert (after.text, after.repeats) == ("frame 3", 3)


def test_a_frame_that_the_model_runs_for_is_waited_for(bundle: Bundle) -> None:
    def thinks(request: pb.WatchRequest, _: Context) -> Iterator[pb.WatchReply]:
        if request.sequence < 3:
            time.sleep(0.2)  # a slow link, so that the word of the third frame is in time
            yield from STILL[request.sequence]
            return
        yield pb.WatchReply(sequence=3, running=True)
        time.sleep(0.8)
        yield new(3)

    with device(bundle, thinks) as one:
        found = [one.ask(scene) for scene in SCENES[:3]]
    assert (found[2].text, found[2].unconfirmed) == ("frame 3", None)


def test_a_frame_of_the_same_codes_hangs_on_the_same_reply(bundle: Bundle) -> None:
    with device(bundle, script_of({**STILL, 4: [new(3), pb.WatchReply(sequence=4)]})) as one:
        found = [one.ask(scene) for scene in [*SCENES[:3], SCENES[2], SCENES[3]]]
        assert found[3].bytes_up == 0
        confirmed = [sure(answer) for answer in found[2:4]]
    assert [(answer.text, answer.repeats) for answer in confirmed] == [("frame 3", None), ("frame 3", 3)]


@pytest.mark.parametrize("end", [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED])
def test_what_a_lost_stream_leaves_is_to_be_asked_again(bundle: Bundle, end: grpc.StatusCode) -> None:
    with device(bundle, script_of({**STILL, 5: [pb.WatchReply(sequence=3)]}, end)) as one:
        found = [one.ask(scene) for scene in SCENES]
        assert sure(found[2]).text == "frame 1"
        with pytest.raises(StreamLost):
            sure(found[3])
        until(lambda: not one.standing.active)
        again = one.ask(SCENES[4])
    assert sure(again).repeats is None, "not as the frame before, which has no answer in a stream"


def test_a_cloud_that_never_confirms_is_lost(bundle: Bundle) -> None:
    with device(bundle, script_of(STILL)) as one:
        found = [one.ask(scene) for scene in SCENES[:3]]
        with pytest.raises(StreamLost, match="said nothing"):
            sure(found[2])
        until(lambda: not one.standing.active)
        assert one.ask(SCENES[2]).bytes_up > 0, "not as the frame before, which has no answer"


def test_a_cloud_that_says_as_before_of_nothing_is_lost(bundle: Bundle) -> None:
    with device(bundle, script_of({1: [pb.WatchReply(sequence=1)]})) as one:
        assert one.ask(SCENES[0]).text == SINGLE


def test_with_a_deadline_every_frame_has_a_reply(bundle: Bundle) -> None:
    with device(bundle, script_of(STILL)) as one:
        one.ask(SCENES[0], replace(REMOTE, deadline_ms=60_000))
    assert (one.cloud.openings[0].silence, one.cloud.openings[0].silence_milliseconds) == (0, 0)
