from typing import NamedTuple

import numpy as np
import pytest

from edge.upload.picture_encoder import encode_picture
from protos.pictures.upload_formats import Coding
from splitter.evaluate.uploads import chosen, curves, decode, encode
from splitter.nano.scenes import picture


class Found(NamedTuple):
    mean_bytes: float
    sure_loss: float


TRIED = {
    Coding("jpeg", 95): Found(9000, 0.0),
    Coding("jpeg", 50): Found(4000, 0.8),
    Coding("webp", 50): Found(3500, 0.6),
    Coding("avif", 75): Found(5000, 0.0),
    Coding("avif", 30): Found(1500, 2.5),
    Coding("avif", 75, 0.5): Found(1400, 8.0),
}


def test_the_smallest_file_at_each_bar_becomes_an_arm_and_the_smallest_quick_one() -> None:
    assert list(map(str, chosen(TRIED))) == ["avif-75", "jpeg-50", "webp-50", "avif-30"]


def test_where_all_lose_much_the_most_faithful_is_the_rival() -> None:
    lossy = {coding: Found(one.mean_bytes, one.sure_loss + 20) for coding, one in TRIED.items()}
    assert list(map(str, chosen(lossy))) == ["jpeg-95", "avif-75"]


@pytest.mark.parametrize("coding", [coding for curve in curves() for coding in curve[:1]], ids=str)
def test_what_is_measured_is_the_file_that_a_device_sends(coding: Coding) -> None:
    image = picture(1).image
    data = encode(image, coding)
    assert data == encode_picture(image, coding)
    assert decode(data).shape == (*coding.sides(*image.shape[:2]), 3)
    if coding.scale == 1:
        assert np.abs(decode(data).astype(int) - image).mean() < 8
