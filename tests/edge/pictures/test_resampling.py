"""Resizing is Pillow's, bit for bit."""

import numpy as np
import pytest
from PIL import Image

from edge.pictures.resampling import FILTERS, Picture, resample
from protos import bundle_pb2 as pb

PILLOWS: dict[int, Image.Resampling] = {
    pb.Resize.BILINEAR: Image.Resampling.BILINEAR,
    pb.Resize.BICUBIC: Image.Resampling.BICUBIC,
    pb.Resize.LANCZOS: Image.Resampling.LANCZOS,
}
RANDOM = np.random.default_rng(13)
SIZES = [tuple(int(side) for side in RANDOM.integers(1, 90, 4)) for _ in range(1000)]
# Pillow 13 turns the order of its passes round where the height falls by more than twice what the width does
TURNS = [(60, 60, height, width) for width in (1, 31, 45, 59, 60, 61, 90) for height in range(1, 63, 2)]
LONG = [(2000, 7, 3, 5), (7, 2000, 5, 3), (1500, 40, 96, 128), (3, 5, 700, 4), (1, 1, 9, 9), (400, 2, 1, 1)]


def of_black_and_white(height: int, width: int) -> Picture:
    """Extremes, which overshoot."""
    return np.random.default_rng(height * width).integers(0, 2, (height, width, 3), np.uint8) * 255


def test_every_filter_is_compared() -> None:
    assert set(PILLOWS) == set(FILTERS)


@pytest.mark.parametrize("kind", PILLOWS)
@pytest.mark.parametrize("sizes", [SIZES, TURNS, LONG], ids=["1,000 sizes", "turns", "long"])
def test_a_resize_is_pillows(kind: int, sizes: list[tuple[int, int, int, int]]) -> None:
    for height, width, *target in sizes:
        picture = of_black_and_white(height, width)
        pillows = Image.fromarray(picture).resize(target[::-1], PILLOWS[kind])
        assert np.array_equal(resample(picture, (target[0], target[1]), kind), np.asarray(pillows)), (
            f"{width} x {height} to {target[1]} x {target[0]}"
        )


@pytest.mark.parametrize("kind", PILLOWS)
@pytest.mark.parametrize("height", [29, 30, 31])
def test_the_order_of_the_passes_shows(kind: int, height: int) -> None:
    """No test could tell whether the order is right if it made no difference."""
    picture = of_black_and_white(60, 60)
    one = resample(resample(picture, (60, 45), kind), (height, 45), kind)
    other = resample(resample(picture, (height, 60), kind), (height, 45), kind)
    assert not np.array_equal(one, other)
    assert np.array_equal(resample(picture, (height, 45), kind), other if 60 - height > 2 * 15 else one)


def test_a_large_photo_is_pillows_too() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (1500, 2000, 3), np.uint8)
    pillows = Image.fromarray(picture).resize((128, 96), Image.Resampling.LANCZOS)
    assert np.array_equal(resample(picture, (96, 128), pb.Resize.LANCZOS), np.asarray(pillows))
