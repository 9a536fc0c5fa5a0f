import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from edge.pictures.files import decode_picture, read_picture
from edge.upload.picture_encoder import encode_picture
from protos.errors import PictureError, TooLarge, UnknownName
from protos.pictures.upload_formats import Coding
from tests.edge.pictures.kinds import files
from tests.edge.pictures.picture_files import grey16, saved, scene, seen

IMAGE = Image.fromarray(scene())
FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF", "AVIF", "PPM")
FILES = {kind: saved(IMAGE, kind) for kind in FORMATS} | {
    "JPEG progressive": saved(IMAGE, "JPEG", progressive=True),
    "TIFF LZW": saved(IMAGE, "TIFF", compression="tiff_lzw"),
}


def test_every_colour_through_every_alpha_is_pillows() -> None:
    colours, alpha = np.meshgrid(np.arange(256, dtype=np.uint8), np.arange(256, dtype=np.uint8))
    data = saved(Image.fromarray(np.dstack([colours, colours.T, colours[::-1], alpha])), "PNG")

    assert np.array_equal(decode_picture(data), seen(data))


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_16_bit_grey_keeps_its_shades(kind: str) -> None:
    picture = decode_picture(saved(Image.fromarray(grey16()), kind))

    assert np.array_equal(picture, np.repeat((grey16() >> 8)[..., None], 3, axis=2))


@pytest.mark.parametrize("suffix", [".png", ".tiff"])
def test_16_bit_colours_become_8_bit(suffix: str) -> None:
    _, data = cv2.imencode(suffix, scene()[..., ::-1].astype(np.uint16) * 256 + 99)

    assert np.abs(decode_picture(data.tobytes()).astype(int) - scene()).max() <= 1


def test_read_picture_takes_a_path(tmp_path: Path) -> None:
    path = tmp_path / "a scène.png"
    path.write_bytes(FILES["PNG"])

    assert np.array_equal(read_picture(path), scene())


@pytest.mark.parametrize(
    ("name", "words"), [("missing.png", "there is no file"), (".", "is a folder"), ("a\0b", "cannot be read")]
)
def test_a_path_without_a_picture_says_what_to_do(tmp_path: Path, name: str, words: str) -> None:
    with pytest.raises(PictureError, match=words):
        read_picture(tmp_path / name)


def test_the_message_names_the_file(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("not a picture at all")

    with pytest.raises(PictureError, match=r"notes\.txt: this is not a picture of a known kind; save it as"):
        read_picture(path)


def test_an_empty_file_is_said_to_be_empty() -> None:
    with pytest.raises(PictureError, match="0 bytes"):
        decode_picture(b"")


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("part", [0.02, 0.3, 0.9, 0.99])
def test_a_file_that_was_cut_off_is_refused(name: str, part: float) -> None:
    data = FILES[name]

    with pytest.raises(PictureError):
        decode_picture(data[: int(len(data) * part)])


def test_a_bomb_is_refused_by_its_header() -> None:
    bomb = _png_claiming(60_000, 60_000)

    with pytest.raises(PictureError, match=r"60000 x 60000 pixels, at most 67\.1 million"):
        decode_picture(bomb)


@pytest.mark.parametrize("name", FILES)
def test_every_kind_is_measured_before_it_is_decoded(name: str) -> None:
    with pytest.raises(PictureError, match="61 x 43 pixels"):
        decode_picture(FILES[name], max_pixels=61 * 43 - 1)

    assert decode_picture(FILES[name], max_pixels=61 * 43).shape == (43, 61, 3)


def test_a_jpeg_of_nothing_but_fill_bytes_is_refused() -> None:
    with pytest.raises(PictureError, match="ends early"):
        decode_picture(b"\xff\xd8" + b"\xff" * (8 << 20))


def test_a_picture_without_pixels_is_refused() -> None:
    with pytest.raises(PictureError, match="0 x 10 pixels"):
        decode_picture(_png_claiming(0, 10))


@pytest.mark.slow
def test_broken_headers_are_never_more_than_a_picture_error() -> None:
    random = np.random.default_rng(0)
    for data in files().values():
        broken = bytearray(data)
        broken[random.integers(0, min(len(data), 100))] ^= 0xFF
        try:
            decode_picture(bytes(broken), max_pixels=1 << 20)
        except PictureError as error:
            assert ";" in str(error)  # noqa: PT017 - it says what to do


@pytest.mark.parametrize("kind", ["jpeg", "webp", "avif"])
def test_an_encoded_picture_comes_back_alike_and_smaller_at_lower_quality(kind: str) -> None:
    fine, coarse = (encode_picture(scene(), Coding(kind, quality)) for quality in (95, 20))

    assert np.abs(decode_picture(fine).astype(int) - scene()).mean() < 6
    assert len(coarse) < len(fine)


def test_a_picture_may_be_sent_at_half_of_its_sides() -> None:
    height, width = scene().shape[:2]
    half = decode_picture(encode_picture(scene(), Coding("webp", 80, 0.5)))
    assert half.shape == (round(height / 2), round(width / 2), 3)


def test_an_unknown_format_names_those_that_there_are() -> None:
    with pytest.raises(UnknownName, match="jpeg, webp"):
        encode_picture(scene(), Coding("bmp", 80))


def test_quality_has_bounds() -> None:
    with pytest.raises(PictureError, match="between 1 and 100"):
        encode_picture(scene(), Coding("jpeg", 0))


def test_a_picture_too_wide_for_the_format_is_said_to_be() -> None:
    with pytest.raises(TooLarge, match="does not fit into webp"):
        encode_picture(np.zeros((1, 70_000, 3), np.uint8), Coding("webp", 80))


def _png_claiming(width: int, height: int) -> bytes:
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = b"IDAT" + zlib.compress(bytes(1000))
    chunks = [
        struct.pack(">I", len(c) - 4) + c + struct.pack(">I", zlib.crc32(c))
        for c in (header, pixels, b"IEND")
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)
