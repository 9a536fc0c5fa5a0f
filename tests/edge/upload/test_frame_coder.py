"""What a device sends of frames that follow each other; the cloud's half is played by the codec itself."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from edge.models.head import Head
from edge.pictures.preprocess import Preprocessor
from edge.pictures.resampling import Picture
from edge.upload.feature_encoders import FeatureEncoders
from edge.upload.frame_coder import EncodedFrame, FrameCoder
from protos import codec
from protos.bundle import Bundle
from protos.pictures.frames import reference_to
from protos.pictures.tiles import ONE_TILE, Grid
from splitter.nano.scenes import HELD_OUT_SEEDS, picture

Boundary = dict[str, codec.Floats]
CUT, CODEC = "connector", "fitted-1"


@pytest.fixture(scope="module")
def boundaries(bundle: Bundle) -> list[Boundary]:
    """A scene, the same through a noisy camera, and another scene."""
    scene, other = (picture(HELD_OUT_SEEDS + seed).image for seed in (5, 6))
    noisy = scene + np.random.default_rng(0).normal(0, 2, scene.shape)
    preprocessor, head = Preprocessor(bundle.manifest.preprocessing), Head(bundle)

    def reach(image: Picture) -> Boundary:
        return head.run(preprocessor.pixels(preprocessor.resize(image)), CUT).boundary

    return [reach(image) for image in (scene, noisy.clip(0, 255).astype(np.uint8), other)]


@pytest.fixture
def stream(bundle: Bundle) -> FrameCoder:
    return FrameCoder(bundle, FeatureEncoders(bundle))


def encode(stream: FrameCoder, boundary: Boundary, name: str = CODEC, grid: Grid = ONE_TILE) -> EncodedFrame:
    return stream.encode(CUT, name, boundary, grid)


def test_the_first_frame_is_a_key_frame_of_the_plain_codes(
    stream: FrameCoder, bundle: Bundle, boundaries: list[Boundary]
) -> None:
    first = encode(stream, boundaries[0])
    assert not first.reference
    assert dict(first.payloads) == FeatureEncoders(bundle).encode(CUT, CODEC, boundaries[0])


def test_a_frame_like_the_last_is_sent_as_its_differences(
    stream: FrameCoder, bundle: Bundle, boundaries: list[Boundary]
) -> None:
    first = encode(stream, boundaries[0])
    stream.acknowledge(first, first.frame)
    second = encode(stream, boundaries[1])
    assert second.size < first.size / 2
    assert second.reference == reference_to(first.frame, second.frame)
    half = codec.receiver(bundle.codec(CUT, CODEC), bundle.file)
    tensors, sent = half.receive(second.payloads, 1, first.sent)
    assert sent is not None
    assert all((sent[name] == second.sent[name]).all() for name in sent)
    for name, tensor in half.decode(FeatureEncoders(bundle).encode(CUT, CODEC, boundaries[1])).items():
        assert np.abs(tensors[name] - tensor).mean() < np.abs(tensor).mean() / 4


def test_a_frame_unlike_the_last_is_a_key_frame(stream: FrameCoder, boundaries: list[Boundary]) -> None:
    first = encode(stream, boundaries[0])
    stream.acknowledge(first, first.frame)
    assert not encode(stream, boundaries[2]).reference


def test_nothing_is_coded_against_what_was_not_acknowledged(
    stream: FrameCoder, boundaries: list[Boundary]
) -> None:
    first = encode(stream, boundaries[0])
    assert not encode(stream, boundaries[1]).reference
    stream.acknowledge(first, "")  # the cloud keeps nothing
    assert not encode(stream, boundaries[1]).reference
    stream.acknowledge(first, "0" * 64)  # the cloud read something else
    assert not encode(stream, boundaries[1]).reference


def test_what_is_forgotten_and_another_grid_need_a_key_frame(
    stream: FrameCoder, boundaries: list[Boundary]
) -> None:
    first = encode(stream, boundaries[0])
    stream.acknowledge(first, first.frame)
    tiled = {name: np.concatenate([values, values, values]) for name, values in boundaries[1].items()}
    assert not encode(stream, tiled, grid=Grid(1, 2)).reference
    assert not stream.encode(CUT, CODEC, boundaries[1], ONE_TILE, key_frame=True).reference
    assert encode(stream, boundaries[1]).reference
    stream.forget(first)
    assert not encode(stream, boundaries[1]).reference


def test_sources_have_references_of_their_own_and_the_oldest_of_many_are_dropped(
    stream: FrameCoder, boundaries: list[Boundary]
) -> None:
    def of(source: str) -> EncodedFrame:
        return stream.encode(CUT, CODEC, boundaries[0], ONE_TILE, source=source)

    first = of("door")
    stream.acknowledge(first, first.frame)
    assert (bool(of("door").reference), bool(of("yard").reference)) == (True, False)
    for number in range(64):
        other = of(str(number))
        stream.acknowledge(other, other.frame)
    assert (bool(of("63").reference), bool(of("door").reference)) == (True, False)


def test_a_cloud_that_keeps_losing_frames_is_sent_more_and_more_key_frames(
    stream: FrameCoder, boundaries: list[Boundary]
) -> None:
    sent = []
    for number in range(40):
        coded = encode(stream, boundaries[number % 2])
        sent.append(bool(coded.reference))
        if coded.reference:
            stream.forget(coded)
            coded = stream.encode(CUT, CODEC, boundaries[number % 2], ONE_TILE, key_frame=True)
        stream.acknowledge(coded, coded.frame)
    tries = [number for number, difference in enumerate(sent) if difference]
    assert tries == [1, 2, 4, 10, 24]


def test_a_cloud_that_lost_its_frames_once_is_believed_at_once(
    stream: FrameCoder, boundaries: list[Boundary]
) -> None:
    first = encode(stream, boundaries[0])
    for _ in range(5):
        stream.acknowledge(first, first.frame)
        second = encode(stream, boundaries[1])
        stream.acknowledge(second, second.frame)
        stream.forget(encode(stream, boundaries[0]))
        stream.acknowledge(first, first.frame)
        assert encode(stream, boundaries[1]).reference


@pytest.mark.parametrize("name", ["int8-zstd", "fp16-zstd"])
def test_plain_codecs_send_key_frames_only(name: str, stream: FrameCoder, boundaries: list[Boundary]) -> None:
    first = encode(stream, boundaries[0], name)
    stream.acknowledge(first, "a" * 64)
    assert not encode(stream, boundaries[0], name).reference


def test_the_tiles_of_a_picture_are_coded_together(stream: FrameCoder, boundaries: list[Boundary]) -> None:
    tiled = [{name: np.concatenate([values] * 3) for name, values in one.items()} for one in boundaries[:2]]
    first = encode(stream, tiled[0], grid=Grid(1, 2))
    stream.acknowledge(first, first.frame)
    second = encode(stream, tiled[1], grid=Grid(1, 2))
    assert second.reference
    assert next(iter(second.sent.values())).shape[0] == 3


def test_threads_that_share_a_stream_each_get_a_frame_of_their_own(
    stream: FrameCoder, boundaries: list[Boundary]
) -> None:
    frames = {boundary: encode(stream, boundaries[boundary]).sent for boundary in range(3)}

    def send(number: int) -> bool:
        coded = encode(stream, boundaries[number % 3])
        stream.acknowledge(coded, coded.frame)
        return all(np.abs(coded.sent[name] - plain).max() <= 1 for name, plain in frames[number % 3].items())

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(send, range(60)))


def test_warming_up_runs_every_cut_and_leaves_nothing_behind(
    bundle: Bundle, boundaries: list[Boundary]
) -> None:
    encoders = FeatureEncoders(bundle)
    stream = FrameCoder(bundle, encoders)
    stream.warm()
    assert {cut for cut, _ in encoders._coders} == {cut.name for cut in bundle.manifest.cuts}
    first = encode(stream, boundaries[0])
    assert not first.reference
    assert first.payloads == encode(FrameCoder(bundle, encoders), boundaries[0]).payloads
