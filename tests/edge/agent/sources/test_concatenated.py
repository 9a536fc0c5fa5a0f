"""Files that follow each other are taken apart, however the bytes come."""

import cv2
import numpy as np
import pytest

from edge.agent.sources.concatenated import PictureSplitter

PIXELS = np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)


def encoded(suffix: str, *options: int) -> bytes:
    return cv2.imencode(suffix, PIXELS, list(options))[1].tobytes()


JPEG = encoded(".jpg")
PROGRESSIVE = encoded(".jpg", cv2.IMWRITE_JPEG_PROGRESSIVE, 1, cv2.IMWRITE_JPEG_RST_INTERVAL, 2)
THUMBNAIL = encoded(".jpg", cv2.IMWRITE_JPEG_QUALITY, 1)
WITH_THUMBNAIL = JPEG[:2] + b"\xff\xe1" + (len(THUMBNAIL) + 2).to_bytes(2, "big") + THUMBNAIL + JPEG[2:]
FILES = [JPEG, encoded(".png"), PROGRESSIVE, WITH_THUMBNAIL, JPEG]


@pytest.mark.parametrize("size", [1, 7, 1000, 1 << 20])
def test_files_come_out_whole_whatever_the_size_of_the_pieces(size: int) -> None:
    splitter, stream = PictureSplitter(), b"".join(FILES)
    pieces = [stream[at : at + size] for at in range(0, len(stream), size)]
    assert [file for piece in pieces for file in splitter.feed(piece)] == FILES


def test_what_is_no_picture_is_passed_over_and_said_once(caplog: pytest.LogCaptureFixture) -> None:
    splitter = PictureSplitter()
    assert list(splitter.feed(b"some words" * 9 + JPEG + b"and more words" + JPEG)) == [JPEG, JPEG]
    assert len(caplog.records) == 1
