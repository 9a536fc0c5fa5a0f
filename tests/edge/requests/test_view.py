"""Several questions about one picture."""

from collections.abc import Iterator

import grpc
import numpy as np
import pytest

from edge.link.client import CloudClient
from edge.models.head import Head
from edge.pictures.resampling import Picture
from edge.requests.device import Device
from edge.requests.orchestrator import Orchestrator
from edge.testing.scripted_cloud import Context, refuses, says, serving
from edge.upload.frame_coder import EncodedFrame
from protos import inference_pb2 as pb
from protos.arms.rules import Rules
from protos.bundle import Bundle
from protos.costs.profile import DeviceProfile
from protos.errors import PictureError, RequestError, UnknownName
from splitter.nano.scenes import HELD_OUT_SEEDS
from splitter.nano.scenes import picture as scene

PICTURE: Picture = np.random.default_rng(5).integers(0, 256, (96, 160, 3), dtype=np.uint8)
QUESTION = "describe the image"
SPLIT = Rules(route="split@connector/int8-zstd")
VIDEO = Rules(route="split@connector/fitted-1", allow_local=False)


def alone(bundle: Bundle) -> Orchestrator:
    return Orchestrator(bundle, None, DeviceProfile.from_bundle(bundle))


def test_a_second_question_prepares_nothing_and_runs_no_head(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    device, ran, run = alone(bundle), list[str](), Head.run

    def counted(head: Head, pixels: object, cut: str, after: object = None) -> object:
        ran.append(cut)
        return run(head, pixels, cut, after)  # type: ignore[arg-type]

    monkeypatch.setattr(Head, "run", counted)
    view = device.view(PICTURE)
    first, second = device.answer(view, QUESTION), device.answer(view, QUESTION)
    assert first.text == second.text == device.answer(PICTURE, QUESTION).text
    assert "preprocess" not in first.stages
    assert second.decision.chosen.head == 0 < first.decision.chosen.head
    assert len(ran) == 2, "once for the view, once for the picture"


def test_features_are_the_heads_and_the_head_goes_on_from_there(bundle: Bundle) -> None:
    device, reached = alone(bundle), Head(bundle)
    view = device.view(PICTURE)
    first, *_, last = (piece.cut for piece in bundle.manifest.pieces)
    features = view.features(first)
    assert view.features(first) is features
    device.answer(view, QUESTION)
    again = alone(bundle).view(PICTURE)
    assert {name: values.tolist() for name, values in again.features(last).items()} == {
        name: values.tolist() for name, values in view.features(last).items()
    }
    head = view.reached()
    assert head
    assert head.cut == last
    assert first not in head.milliseconds, "that piece did not run again"
    passed = view.reached(first)
    assert passed
    assert passed.boundary is features
    assert reached.passes(first, last)


def test_a_cut_that_there_is_none_of_is_named(bundle: Bundle) -> None:
    with pytest.raises(UnknownName, match="conector"):
        alone(bundle).view(PICTURE).features("conector")


def test_a_view_asks_by_itself_about_the_frame_that_the_cloud_keeps(bundle: Bundle) -> None:
    with serving(says("yes", frame="f1")) as cloud, CloudClient(cloud.address) as client:
        device = Orchestrator(bundle, client, DeviceProfile.from_bundle(bundle))
        view = device.view(PICTURE)
        routes = [device.answer(view, QUESTION, Rules(allow_local=False)).route for _ in range(2)]
    assert view.frame == "f1"
    assert routes[1] == "cached"
    assert cloud.requests[1].cached_frame == b"\xf1"


def test_a_view_whose_frame_the_cloud_has_lost_is_sent_again(bundle: Bundle) -> None:
    def script(request: pb.InferRequest, context: Context) -> Iterator[pb.InferReply]:
        lost = request.WhichOneof("input") == "cached_frame"
        gone = refuses(grpc.StatusCode.NOT_FOUND, "frame is gone")
        return (gone if lost else says("yes", frame="f2"))(request, context)

    with serving(script) as cloud, CloudClient(cloud.address) as client:
        device = Orchestrator(bundle, client, DeviceProfile.from_bundle(bundle))
        view = device.view(PICTURE)
        view.frame = "f1"
        assert device.answer(view, QUESTION, Rules(allow_local=False)).text == "yes"
    assert (view.frame, len(cloud.requests)) == ("f2", 2)


def test_frames_are_coded_against_the_last_of_their_own_source(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cloud calls every frame as the device does."""
    acknowledge = Device.acknowledge

    def agreeing(device: Device, frame: EncodedFrame, _: str) -> None:
        acknowledge(device, frame, frame.frame)

    monkeypatch.setattr(Device, "acknowledge", agreeing)
    pictures = [scene(HELD_OUT_SEEDS + seed).image for seed in (5, 6)]
    with serving(says("yes")) as cloud, CloudClient(cloud.address) as client:
        device = Orchestrator(bundle, client, DeviceProfile.from_bundle(bundle))
        for number in (0, 1, 0, 1):
            view = device.view(pictures[number], source=f"camera {number}")
            device.answer(view, QUESTION, VIDEO)
    assert [bool(request.features.reference) for request in cloud.requests] == [False, False, True, True]


def test_what_is_no_picture_and_another_bundles_view_are_refused(bundle: Bundle) -> None:
    device = alone(bundle)
    with pytest.raises(PictureError, match="read_picture"):
        device.view(PICTURE[..., 0])
    view = device.view(PICTURE)
    view.bundle = "0" * 64
    with pytest.raises(RequestError, match="another bundle"):
        device.answer(view, QUESTION)
