"""Uploaded files: decoded upright in 8 bits, or refused, by the header where they would cost much."""

import contextlib
import io
import random
import re
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from bench.attack.inputs.pictures import endless_jpeg, png_of
from cloud.admission.picture_processes import PictureProcesses
from cloud.admission.pictures import decode_picture, open_picture
from protos import bundle_pb2 as pb
from protos.errors import PictureError, RequestError
from protos.pictures.files import png
from tests.cloud.fuzz.honest import files
from tests.cloud.fuzz.mutations import damaged, header_damaged

LIMITS = pb.Limits(max_picture_bytes=1 << 20, max_picture_pixels=10_000)
SMALL = pb.Manifest(limits=LIMITS)
SMALL_PICTURES = pb.Manifest(limits=pb.Limits(max_picture_bytes=1 << 20, max_picture_pixels=1 << 18))
PIXELS = np.random.default_rng(0).integers(0, 256, (80, 96, 3), np.uint8)
USUAL = pb.Manifest(
    limits=pb.Limits(max_picture_bytes=4 << 20, max_picture_pixels=40_000_000),
    preprocessing=pb.Preprocessing(resizes=[pb.Resize(height=128, width=128)]),
)


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def test_16_bit_grey_keeps_its_tones() -> None:
    ramp = np.linspace(0, 65535, 100).astype(np.uint16).reshape(10, 10)
    picture = open_picture(encoded(Image.fromarray(ramp), "PNG"), SMALL)
    np.testing.assert_array_equal(np.asarray(picture), ramp >> 8)


def test_a_picture_is_turned_upright() -> None:
    image = Image.new("RGB", (40, 20))
    exif = Image.Exif()
    exif[0x0112] = 6
    assert open_picture(encoded(image, "JPEG", exif=exif), SMALL).size == (20, 40)


@pytest.mark.parametrize("kind", ["TIFF", "BMP", "GIF", "PPM"])
def test_a_format_that_is_not_sent_is_refused_with_how_to_convert(kind: str) -> None:
    with pytest.raises(PictureError, match=r"send JPEG, PNG, WebP or AVIF: .* save it as PNG"):
        open_picture(encoded(Image.new("RGB", (4, 4)), kind), SMALL)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF"])
def test_a_format_that_is_sent_is_read(kind: str) -> None:
    assert open_picture(encoded(Image.new("RGB", (40, 20)), kind), SMALL).size == (40, 20)


def test_a_jpeg_of_scans_without_end_is_refused() -> None:
    with pytest.raises(PictureError, match="more than 64 scans"):
        open_picture(endless_jpeg(scans=65), USUAL)
    assert open_picture(endless_jpeg(scans=60), USUAL).size == (64, 64)


def test_a_jpeg_of_segments_without_end_is_refused() -> None:
    jpeg = encoded(Image.new("RGB", (40, 20)), "JPEG")
    exif = b"\xff\xe1\x00\x09Exif\0\0x"
    assert open_picture(jpeg[:2] + 300 * exif + jpeg[2:], USUAL).size == (40, 20)
    with pytest.raises(PictureError, match="more than 4096 segments"):
        open_picture(jpeg[:2] + 5000 * exif + jpeg[2:], USUAL)


def test_a_start_of_scan_in_metadata_or_behind_the_end_is_none() -> None:
    jpeg = encoded(Image.new("RGB", (40, 20)), "JPEG")
    noise = b"\xff\xda" * 100
    commented = jpeg[:2] + b"\xff\xfe" + struct.pack(">H", 2 + len(noise)) + noise + jpeg[2:]
    assert open_picture(commented + noise, SMALL).size == (40, 20)


def test_an_end_in_metadata_hides_no_scans() -> None:
    first, *rest = endless_jpeg(scans=100).partition(b"\xff\xda")
    hidden = first + b"\xff\xfe\x00\x04\xff\xd9" + b"".join(rest)
    with pytest.raises(PictureError, match="more than 64 scans"):
        open_picture(hidden, USUAL)


@pytest.mark.parametrize(
    ("width", "height", "reason"),
    [
        (4097, 4097, "at most 16777216 pixels"),
        (1, 40_000_000, "at most 16777216 pixels"),
        (1, 16_385, "an edge may have 16384 pixels"),
        (0, 7, "save it again"),
    ],
)
def test_what_is_too_large_for_the_model_is_refused_by_its_header(
    width: int, height: int, reason: str
) -> None:
    with pytest.raises(PictureError, match=reason):
        open_picture(png_of(width, height), USUAL)


def test_a_picture_too_elongated_for_the_model_is_refused_by_its_header() -> None:
    growing = pb.Manifest(
        limits=USUAL.limits, preprocessing=pb.Preprocessing(resizes=[pb.Resize(shortest_edge=224)])
    )
    with pytest.raises(PictureError, match="50 times as long as wide"):
        open_picture(png_of(1, 51), growing)


def test_texts_of_a_png_are_unpacked_once_however_many_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each would be a mebibyte, and the last is the one that counts."""
    unpacked: list[bytes] = []

    def unpack(text: bytes) -> bytes:
        unpacked.append(text)
        return zlib.decompress(text)

    monkeypatch.setattr(png, "_unpacked", unpack)
    upright = encoded(Image.new("RGB", (40, 20)), "PNG")
    profile = b"\n\n\n" + b"00" * (1 << 19)
    texts = b"".join(
        text_chunk(b"Raw profile type exif", profile) if i % 2 else text_chunk(b"note %d" % i, profile)
        for i in range(200)
    )
    turned = text_chunk(b"Raw profile type exif", b"\n\n\n" + b"4d4d002a000000080001011200030000000100060000")
    assert open_picture(upright[:33] + texts + turned + upright[33:], SMALL).size == (20, 40)
    assert len(unpacked) == 1


def text_chunk(key: bytes, text: bytes) -> bytes:
    body = b"zTXt" + key + b"\0\0" + zlib.compress(text)
    return struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))


@given(
    st.binary(max_size=300),
    st.sampled_from(
        [b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0", b"RIFF\0\0\0\0WEBP", b"BM", b"GIF89a", b"II*\0"]
    ),
)
def test_no_bytes_make_the_decoder_raise_anything_else(tail: bytes, start: bytes) -> None:
    try:
        picture = open_picture(start + tail, SMALL)
    except PictureError:
        return
    assert picture.width * picture.height <= LIMITS.max_picture_pixels


# Addresses, and what Pillow, its codecs and Python itself would say
INSIDE = re.compile(r"0x|object at|Error\b|_io|BytesIO|PIL|stream|truncated|codec|libtiff|chunk type|\.py")


@pytest.mark.parametrize("data", list(files(PIXELS)), ids=lambda data: data[:4].hex())
def test_a_damaged_file_is_a_picture_or_refused_in_words_of_our_own(data: bytes) -> None:
    draw, refused = random.Random(0), set()
    for _ in range(300):
        hostile = draw.choice((damaged, header_damaged))(draw, data)
        try:
            assert decode_picture(hostile, SMALL_PICTURES).dtype == np.uint8
        except RequestError as error:
            refused.add(str(error))
    assert refused
    for words in refused:
        assert not INSIDE.search(words)
        assert re.search(r"; (send|save|get) ", words) or ": scale it down" in words or ": open it" in words


def test_a_worker_prints_nothing_of_a_damaged_file(capfd: pytest.CaptureFixture[str]) -> None:
    draw = random.Random(1)
    with PictureProcesses() as processes:
        for data in files(PIXELS):
            for _ in range(20):
                with contextlib.suppress(RequestError):
                    processes.decode(damaged(draw, data), SMALL_PICTURES)
    assert capfd.readouterr() == ("", "")
