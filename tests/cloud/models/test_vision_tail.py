"""Uploads and payloads to boundaries."""

import numpy as np
import pytest

from cloud.admission.pictures import decode_picture
from cloud.models.tail import Tail
from protos import codec as wire
from tests.cloud.calling import Head, Pixels, png

CUTS = ("vision.2", "vision.4", "connector")


def test_the_pixels_are_what_the_head_of_these_tests_takes(tail: Tail, scenes: list[Pixels]) -> None:
    boundary, _ = tail.preprocess(decode_picture(png(scenes[0]), tail.bundle.manifest))
    np.testing.assert_allclose(
        boundary["pixels"].numpy()[0], scenes[0].transpose(2, 0, 1) / 127.5 - 1, atol=1e-6
    )


@pytest.mark.parametrize("cut", CUTS)
def test_int8_codes_come_back_as_the_boundary(cut: str, tail: Tail, head: Head, scenes: list[Pixels]) -> None:
    """Quantised by the bundle's own tables, then through the wire: off by half a step at most, where
    calibration saw the like.
    """
    codec = tail.bundle.codec(cut, "int8-zstd")
    (name, boundary), *_ = head.codes(scenes[0], cut).items()
    with np.load(tail.bundle.file(codec.receiver)) as tables:
        scale, zero = tables[f"scale/{name}"], tables[f"zero/{name}"]
    exact = boundary / scale + zero
    codes = np.clip(np.round(exact), 0, 255).astype(np.uint8)
    tensors, _ = tail.unpack(cut, "int8-zstd", wire.sender(codec, tail.bundle.file).encode({name: codes}))
    received = tensors[name][0].numpy()
    inside = (exact >= 0) & (exact <= 255)
    assert inside.mean() > 0.99
    assert np.abs(received - boundary)[inside].max() <= scale.max() * 0.51
