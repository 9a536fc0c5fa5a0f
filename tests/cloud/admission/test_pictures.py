"""Uploaded files: decoded upright in 8 bits, or refused."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from cloud.admission.pictures import open_picture
from protos import bundle_pb2 as pb
from protos.errors import PictureError

LIMITS = pb.Limits(max_picture_bytes=1 << 20, max_picture_pixels=10_000)


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_16_bit_grey_keeps_its_tones(kind: str) -> None:
    ramp = np.linspace(0, 65535, 100).astype(np.uint16).reshape(10, 10)
    picture = open_picture(encoded(Image.fromarray(ramp), kind), LIMITS)
    np.testing.assert_array_equal(np.asarray(picture), ramp >> 8)


def test_a_picture_is_turned_upright() -> None:
    image = Image.new("RGB", (40, 20))
    exif = Image.Exif()
    exif[0x0112] = 6
    assert open_picture(encoded(image, "JPEG", exif=exif), LIMITS).size == (20, 40)


def test_floating_point_pixels_are_refused() -> None:
    with pytest.raises(PictureError, match="of floats"):
        open_picture(encoded(Image.new("F", (4, 4)), "TIFF"), LIMITS)


@given(
    st.binary(max_size=300),
    st.sampled_from(
        [b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0", b"RIFF\0\0\0\0WEBP", b"BM", b"GIF89a", b"II*\0"]
    ),
)
def test_no_bytes_make_the_decoder_raise_anything_else(tail: bytes, start: bytes) -> None:
    try:
        picture = open_picture(start + tail, LIMITS)
    except PictureError:
        return
    assert picture.width * picture.height <= LIMITS.max_picture_pixels
