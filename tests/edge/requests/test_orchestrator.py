"""Whole answers: a real bundle on the device, and a cloud that plays a script, or none."""

import time
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path

import grpc
import numpy as np
import pytest

from edge.costs.device_times import DeviceTimes
from edge.link.byte_count import ByteCount
from edge.link.client import CloudClient
from edge.link.link import Link
from edge.link.watching import FrameStream
from edge.pictures.files import decode_picture
from edge.pictures.resampling import Picture
from edge.requests.answer import Answer
from edge.requests.device import Device
from edge.requests.machine import Machine
from edge.requests.orchestrator import Orchestrator
from edge.requests.question import Question
from edge.requests.trace import ignore_text
from edge.testing.scripted_cloud import (
    Script,
    ScriptedCloud,
    breaks_off,
    falls_silent,
    refuses,
    says,
    serving,
)
from protos import codec
from protos import inference_pb2 as pb
from protos.arms.rules import Rules
from protos.bundle import Bundle
from protos.costs.profile import DeviceProfile
from protos.costs.weights import Weights
from protos.errors import (
    CloudError,
    DeadlineError,
    NoRoute,
    PromptError,
    RequestError,
    UnknownFrame,
    WrongBundle,
)
from protos.features import coding_of, payloads_of
from protos.pictures.frames import REFERENCE_BYTES
from tests.edge.power.boards import jetson

PICTURE: Picture = np.random.default_rng(5).integers(0, 256, (96, 160, 3), dtype=np.uint8)
QUESTION = "describe the image"
SPLIT = Rules(route="split@connector/int8-zstd")
NO_LOCAL = Rules(allow_local=False)


class Clock:
    """A clock that the test turns."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def alone(bundle: Bundle) -> Orchestrator:
    return Orchestrator(bundle, None, DeviceProfile.from_bundle(bundle))


def ask(
    bundle: Bundle, script: Script, rules: Rules = NO_LOCAL, **more: object
) -> tuple[Answer, ScriptedCloud]:
    """One question to a device with a scripted cloud."""
    with serving(script) as cloud, CloudClient(cloud.address) as client:
        orchestrator = Orchestrator(bundle, client, DeviceProfile.from_bundle(bundle), network_seconds=0.3)
        return orchestrator.answer(PICTURE, QUESTION, rules, **more), cloud  # type: ignore[arg-type]


def test_without_a_cloud_the_device_answers(bundle: Bundle) -> None:
    pieces: list[str] = []
    answer = alone(bundle).answer(PICTURE, QUESTION, on_text=pieces.append)
    assert answer.route == "local"
    assert answer.text == "".join(pieces) != ""
    assert (answer.bytes_up, answer.payload_bytes, answer.fallback, answer.late) == (0, 0, None, False)
    assert set(answer.stages) == {"preprocess", "head", "first_token", "generate", "total"}
    assert answer.tokens == len(pieces)


def test_a_split_sends_codes_that_the_receiver_can_read(bundle: Bundle) -> None:
    answer, cloud = ask(bundle, says("a ", "cat"), SPLIT)
    (request,) = cloud.requests
    spec = bundle.codec("connector", "int8-zstd")
    payloads = payloads_of(request.features, spec)
    tensors = codec.receiver(spec, bundle.file).decode(payloads)
    assert [tensor.shape for tensor in tensors.values()] == [
        tuple(t.shape) for t in bundle.cut("connector").boundary
    ]
    assert (request.bundle, request.question) == (bundle.id, QUESTION)
    assert coding_of(request.features, bundle.manifest) == ("connector", "int8-zstd")
    assert (answer.text, answer.route) == ("a cat", "split@connector/int8-zstd")
    assert answer.payload_bytes == sum(map(len, payloads.values()))
    assert answer.bytes_up == request.ByteSize()


def test_a_request_adds_at_most_60_bytes_to_payload_and_question(bundle: Bundle) -> None:
    _, cloud = ask(bundle, says("yes"), Rules(route="split@connector/fitted-1"))
    (request,) = cloud.requests
    request.features.reference = bytes(REFERENCE_BYTES)  # of all but the first frame
    (payload,) = request.features.payloads
    assert request.question == QUESTION
    assert request.ByteSize() - len(payload.data) - len(QUESTION.encode()) <= 60


def test_every_cut_and_codec_can_be_sent(bundle: Bundle) -> None:
    for cut in bundle.manifest.cuts:
        for known in cut.codecs:
            answer, cloud = ask(bundle, says("yes"), Rules(route=f"split@{cut.name}/{known.name}"))
            sent = coding_of(cloud.requests[0].features, bundle.manifest)
            assert sent == (cut.name, known.name)
            assert answer.text == "yes"


def test_an_upload_sends_the_picture_at_the_models_size(bundle: Bundle) -> None:
    answer, cloud = ask(bundle, says("yes"), Rules(route="upload"))
    data = cloud.requests[0].picture.data
    assert decode_picture(data).shape == (128, 128, 3)
    assert answer.payload_bytes == len(data)
    assert "head" not in answer.stages


def test_generation_travels(bundle: Bundle) -> None:
    wish = pb.Generation(max_tokens=3, temperature=0.5, seed=7)
    _, cloud = ask(bundle, says("yes"), Rules(), generation=wish)
    assert cloud.requests[0].generation == wish


def test_the_clouds_stage_times_are_told_and_the_rest_is_network(bundle: Bundle) -> None:
    times = {"decode": 1.0, "queue": 2.0, "tail": 3.0, "first_token": 4.0, "generate": 5.0, "total": 15.0}
    answer, _ = ask(bundle, says("yes", times=times), SPLIT)
    assert {name: answer.stages[name] for name in times if name != "total"} == {
        k: v for k, v in times.items() if k != "total"
    }
    assert answer.stages["network"] > 0
    assert list(answer.stages)[-1] == "total"


def test_never_leave_device_leaves_nothing(bundle: Bundle) -> None:
    answer, cloud = ask(bundle, says("yes"), Rules(never_leave_device=True))
    assert answer.route == "local"
    assert not cloud.requests


def test_never_upload_sends_features_at_most(bundle: Bundle) -> None:
    _, cloud = ask(bundle, says("yes"), Rules(never_upload=True, allow_local=False))
    assert [request.WhichOneof("input") for request in cloud.requests] == ["features"]


LOST: dict[str, tuple[Script, type[Exception]]] = {
    "unavailable": (refuses(grpc.StatusCode.UNAVAILABLE, "draining"), CloudError),
    "busy": (refuses(grpc.StatusCode.RESOURCE_EXHAUSTED, "64 requests wait"), CloudError),
    "a bug": (refuses(grpc.StatusCode.INTERNAL, "failed"), CloudError),
    "silent": (falls_silent(), DeadlineError),
    "silent in mid-answer": (falls_silent("a "), DeadlineError),
    "dead in mid-answer": (refuses(grpc.StatusCode.UNAVAILABLE, "killed", "a "), CloudError),
    "no end": (breaks_off("a "), CloudError),
    "another bundle": (refuses(grpc.StatusCode.FAILED_PRECONDITION, "it serves 3fa9"), WrongBundle),
    "features refused": (
        refuses(grpc.StatusCode.INVALID_ARGUMENT, "tensor 'hidden' holds NaN or infinity"),
        RequestError,
    ),
    "refused in mid-answer": (
        refuses(grpc.StatusCode.INVALID_ARGUMENT, "the model makes no number", "a "),
        RequestError,
    ),
    "a frame it was not asked for": (refuses(grpc.StatusCode.NOT_FOUND, "frame is gone"), UnknownFrame),
}


@pytest.mark.parametrize("loss", LOST)
def test_a_lost_cloud_becomes_a_local_answer_that_says_why(bundle: Bundle, loss: str) -> None:
    wish = pb.Generation(max_tokens=2)
    answer, cloud = ask(bundle, LOST[loss][0], SPLIT, generation=wish)
    assert answer.text == alone(bundle).answer(PICTURE, QUESTION, generation=wish).text
    assert (answer.route, answer.decision.arm.name) == ("local", "split@connector/int8-zstd")
    assert answer.fallback
    assert answer.stages["lost"] > 0
    assert answer.bytes_up == sum(request.ByteSize() for request in cloud.requests)


def test_a_question_to_nobody_sends_no_byte(bundle: Bundle) -> None:
    with CloudClient("127.0.0.1:1") as client:
        device = Orchestrator(bundle, client, DeviceProfile.from_bundle(bundle))
        answer = device.answer(PICTURE, QUESTION, SPLIT, generation=pb.Generation(max_tokens=2))
    assert answer.route == "local"
    assert answer.payload_bytes > 0
    assert answer.bytes_up == 0


def machine(path: Path) -> Machine:
    """A Jetson of 10 watts whose day has just begun."""
    return Machine(jetson(path), ByteCount(path / "bytes.json", lambda: 1e9))


def test_energy_is_measured_told_and_learned(bundle: Bundle, tmp_path: Path) -> None:
    board, profile = machine(tmp_path), DeviceProfile.from_bundle(bundle)
    times = DeviceTimes(profile, time.monotonic(), board.meter.power)
    device = Orchestrator(bundle, None, profile, times=times, machine=board)
    device.prepare()
    answer = device.answer(PICTURE, QUESTION)
    assert answer.joules > 0
    assert answer.energy_source == "INA3221 VDD_IN: the whole board"
    assert times.power(time.monotonic()).here != 1.0


def test_what_turns_out_larger_than_the_day_has_left_is_not_sent(bundle: Bundle, tmp_path: Path) -> None:
    upload = Rules(route="upload@jpeg-50")
    asked, _ = ask(bundle, says("yes"), upload)
    assert asked.bytes_up > asked.decision.chosen.bytes_up, "a picture of noise has more bytes than most"
    left = asked.decision.chosen.bytes_up
    with serving(says("yes")) as cloud, CloudClient(cloud.address) as client:
        profile = DeviceProfile.from_bundle(bundle)
        device = Orchestrator(bundle, client, profile, machine=machine(tmp_path))
        answer = device.answer(PICTURE, QUESTION, replace(upload, bytes_per_day=left))
    assert (answer.route, answer.bytes_up, cloud.requests) == ("local", 0, [])
    assert answer.fallback
    assert "of the day's bytes are left" in answer.fallback


def test_what_never_left_is_not_counted_for_the_day(bundle: Bundle, tmp_path: Path) -> None:
    board, rules = machine(tmp_path), replace(SPLIT, bytes_per_day=10**6)
    with CloudClient("127.0.0.1:1") as client:
        device = Orchestrator(bundle, client, DeviceProfile.from_bundle(bundle), machine=board)
        device.answer(PICTURE, QUESTION, rules)
        assert board.conditions(rules).sent_today == 0
    with serving(refuses(grpc.StatusCode.INTERNAL, "a bug")) as cloud, CloudClient(cloud.address) as client:
        device = Orchestrator(bundle, client, DeviceProfile.from_bundle(bundle), machine=board)
        answer = device.answer(PICTURE, QUESTION, rules)
        assert board.conditions(rules).sent_today == answer.bytes_up > 0


@pytest.mark.parametrize("loss", LOST)
def test_a_lost_cloud_is_an_error_where_local_answers_are_not_allowed(bundle: Bundle, loss: str) -> None:
    script, kind = LOST[loss]
    with pytest.raises(kind):
        ask(bundle, script, NO_LOCAL, generation=pb.Generation(max_tokens=2))


def test_words_of_a_dead_cloud_are_void_and_the_caller_is_told(bundle: Bundle) -> None:
    told: list[str] = []
    script = refuses(grpc.StatusCode.UNAVAILABLE, "killed", "half ", "an ")
    answer, _ = ask(
        bundle, script, SPLIT, on_text=told.append, on_restart=lambda reason: told.append(f"<{reason}>")
    )
    assert told[:2] == ["half ", "an "]
    assert "killed" in told[2]
    assert answer.text == "".join(told[3:])


def test_a_question_that_the_device_refuses_as_well_is_an_error(bundle_path: Path) -> None:
    bundle = Bundle.open(bundle_path)
    bundle.manifest.limits.max_prompt_tokens = 1
    with pytest.raises(PromptError, match="at most 1 fit"):
        ask(bundle, refuses(grpc.StatusCode.INVALID_ARGUMENT, "the prompt is too long"), SPLIT)


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        (pb.Generation(temperature=-1), "temperature"),
        (pb.Generation(temperature=np.nan), "temperature"),
        (pb.Generation(top_p=7), "top_p"),
    ],
)
@pytest.mark.parametrize("route", ["local", SPLIT.route])
def test_a_wish_that_means_nothing_is_an_error_on_every_route(
    bundle: Bundle, wish: pb.Generation, words: str, route: str
) -> None:
    with pytest.raises(RequestError, match=words):
        ask(
            bundle,
            refuses(grpc.StatusCode.INVALID_ARGUMENT, "means nothing"),
            Rules(route=route),
            generation=wish,
        )


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (grpc.StatusCode.FAILED_PRECONDITION, "cloud serves another bundle"),
        (grpc.StatusCode.UNIMPLEMENTED, "what answers is no service of Isthmus"),
        (grpc.StatusCode.UNAUTHENTICATED, "it lets nobody in without a token"),
    ],
)
def test_a_wrong_cloud_is_told_with_every_answer_and_called_once(
    bundle: Bundle, code: grpc.StatusCode, reason: str
) -> None:
    clock = Clock()
    link = Link(bundle, clock(), jitter=lambda: 1.0)
    link.observe_transfer(1000, 0.1, clock())  # so near that the cloud is chosen
    with serving(refuses(code, "no")) as cloud, CloudClient(cloud.address) as client:
        orchestrator = Orchestrator(bundle, client, DeviceProfile.from_bundle(bundle), link, clock=clock)
        told = orchestrator.answer(PICTURE, QUESTION, SPLIT)
        assert told.fallback
        for _ in range(3):
            clock.now += 15
            later = orchestrator.answer(PICTURE, QUESTION)
            assert (later.route, later.fallback) == ("local", None)
            assert reason in later.decision.outage
    assert len(cloud.requests) == 1


def test_after_a_failure_the_cloud_is_left_alone_for_a_while(bundle: Bundle) -> None:
    clock = Clock()
    link = Link(bundle, clock(), jitter=lambda: 1.0)
    with (
        serving(refuses(grpc.StatusCode.UNAVAILABLE, "draining")) as cloud,
        CloudClient(cloud.address) as client,
    ):
        orchestrator = Orchestrator(bundle, client, DeviceProfile.from_bundle(bundle), link, clock=clock)
        orchestrator.answer(PICTURE, QUESTION, SPLIT)
        assert (
            orchestrator.answer(PICTURE, QUESTION).decision.arms[1].verdict
            == "cloud unreachable, next try in 1 s"
        )
        with pytest.raises(NoRoute, match="next try"):
            orchestrator.answer(PICTURE, QUESTION, NO_LOCAL)
        assert len(cloud.requests) == 2  # two tries of one request
        clock.now += 1.1
        with pytest.raises(CloudError):
            orchestrator.answer(PICTURE, QUESTION, NO_LOCAL)
        assert len(cloud.requests) == 4


def test_what_is_learned_of_a_slow_cloud_changes_the_way(bundle: Bundle) -> None:
    # the cloud's better answers are worth any honest wait
    rules = Rules()
    indifferent = Weights(accuracy_point=1e6)
    with serving(says("yes", times={"queue": 1e9})) as cloud, CloudClient(cloud.address) as client:
        link = Link(bundle)
        orchestrator = Orchestrator(bundle, client, DeviceProfile.from_bundle(bundle), link)
        before = orchestrator.answer(PICTURE, QUESTION, SPLIT, weights=indifferent)
        after = orchestrator.answer(PICTURE, QUESTION, rules, weights=indifferent)
    assert before.route == "split@connector/int8-zstd"
    assert after.route == "local"


def test_a_second_question_about_a_frame_uploads_nothing(bundle: Bundle) -> None:
    with serving(says("yes", frame="f1")) as cloud, CloudClient(cloud.address) as client:
        orchestrator = Orchestrator(bundle, client, DeviceProfile.from_bundle(bundle))
        first = orchestrator.answer(PICTURE, QUESTION, NO_LOCAL)
        second = orchestrator.answer(PICTURE, "what color is it?", NO_LOCAL, frame=first.frame)
    assert (second.route, second.payload_bytes) == ("cached", 0)
    assert second.bytes_up < 300
    assert cloud.requests[1].cached_frame == b"\xf1"


def test_a_frame_that_is_no_longer_kept_is_sent_again(bundle: Bundle) -> None:
    def script(
        request: pb.InferRequest, context: grpc.ServicerContext
    ) -> Generator[pb.InferReply, None, None]:
        forgotten = request.WhichOneof("input") == "cached_frame"
        yield from (
            refuses(grpc.StatusCode.NOT_FOUND, "frame is gone") if forgotten else says("yes", frame="f2")
        )(request, context)

    answer, cloud = ask(bundle, script, NO_LOCAL, frame="f1")
    assert [request.WhichOneof("input") == "cached_frame" for request in cloud.requests] == [True, False]
    assert (answer.text, answer.frame, answer.fallback) == ("yes", "f2", None)
    assert answer.bytes_up == sum(request.ByteSize() for request in cloud.requests)


def test_a_cloud_that_forgets_what_was_never_asked_for_is_not_asked_for_ever(bundle: Bundle) -> None:
    with pytest.raises(UnknownFrame):
        ask(bundle, refuses(grpc.StatusCode.NOT_FOUND, "frame is gone"), NO_LOCAL, frame="f1")


class Limits:
    """A cloud that answers at once and notes what time it was given."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def infer(
        self, request: pb.InferRequest, seconds: float, silence_seconds: float | None = None
    ) -> Generator[pb.InferReply, None, None]:
        del silence_seconds
        self.seconds.append(seconds)
        yield pb.InferReply(id=request.id, done=pb.Done(tokens=1))

    def watch(self, opening: pb.WatchOpening, seconds: float | None = None) -> FrameStream:
        raise AssertionError("no question is asked of frame after frame here")


def limit(bundle: Bundle, rules: Rules) -> float:
    cloud, clock = Limits(), Clock()
    Orchestrator(bundle, cloud, slow_device(bundle), clock=clock, network_seconds=9.0).answer(
        PICTURE, QUESTION, rules
    )
    return cloud.seconds[0]


def slow_device(bundle: Bundle) -> DeviceProfile:
    return DeviceProfile(
        {p.cut: 0.0 for p in bundle.manifest.pieces}, {}, 500.0, 0.0, 0.0, "slow", 1, bundle.digest
    )


def test_a_call_gets_what_the_deadline_leaves_as_a_local_answer_begins_beside_it(bundle: Bundle) -> None:
    route = "split@connector/int8-zstd"
    assert limit(bundle, Rules(deadline_ms=5000, route=route)) == pytest.approx(5.0)
    assert limit(bundle, Rules(deadline_ms=5000, route=route, allow_local=False)) >= 9.0


def test_without_time_for_both_the_call_gets_it_all(bundle: Bundle) -> None:
    assert limit(bundle, Rules(deadline_ms=501, route="split@connector/int8-zstd")) == pytest.approx(0.501)


def test_without_a_deadline_a_call_still_has_a_limit(bundle: Bundle) -> None:
    assert 1.0 <= limit(bundle, SPLIT) < 9.0
    assert 9.0 <= limit(bundle, replace(SPLIT, allow_local=False)) < 60


def test_an_answer_after_its_deadline_says_that_it_is_late(bundle: Bundle) -> None:
    answer = alone(bundle).answer(PICTURE, QUESTION, Rules(deadline_ms=1e-6))
    assert answer.late
    assert answer.decision.late
    assert answer.text


def test_a_local_answer_goes_on_from_the_boundary_already_reached(bundle: Bundle) -> None:
    device = Device(bundle)
    device.load(remote=True)
    asked = pb.Generation(max_tokens=1)
    question = Question("q", time.monotonic(), QUESTION, Rules(), Weights(), asked)
    prepared = device.prepare(PICTURE)
    first = bundle.manifest.pieces[0].cut
    reached = device.encode_features(prepared, first, "int8-zstd", None, key_frame=False).head
    answer = device.answer(question, prepared, reached, ignore_text)
    assert answer.tokens == 1
    assert answer.head is not None
    assert list(answer.head.milliseconds) == [piece.cut for piece in bundle.manifest.pieces[1:]]
