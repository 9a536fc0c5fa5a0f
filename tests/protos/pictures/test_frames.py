import numpy as np
import pytest

from protos.errors import PayloadError
from protos.pictures.frames import digest_prefix, frame_digest, reference_to, sent_bytes, split_reference
from protos.pictures.tiles import ONE_TILE, Grid


def test_the_digest_tells_borders_apart() -> None:
    digest = frame_digest("b", "cut", "codec", ONE_TILE, [("n", b"1"), ("m", b"2")])
    assert digest == frame_digest("b", "cut", "codec", ONE_TILE, [("m", b"2"), ("n", b"1")])
    assert digest != frame_digest("b", "cu", "tcodec", ONE_TILE, [("n", b"1"), ("m", b"2")])


def test_the_same_bytes_in_another_grid_are_another_frame() -> None:
    digests = {
        frame_digest("b", "cut", "codec", Grid(*size), [("n", b"1")]) for size in ((2, 3), (3, 2), (1, 6))
    }
    assert len(digests) == 3


def test_what_was_sent_is_the_same_bytes_whatever_the_machine() -> None:
    codes = np.array([[1, -2, 300]])
    assert (
        sent_bytes({"n": codes.astype(">i2")})
        == sent_bytes({"n": codes.astype("<i2")})
        == [("n", bytes.fromhex("0100feff2c01"))]
    )


def test_a_reference_says_how_both_digests_begin() -> None:
    old, new = (frame_digest("b", "cut", "codec", ONE_TILE, [("n", data)]) for data in (b"1", b"2"))
    assert split_reference(reference_to(old, new)) == (digest_prefix(old), new[:8])


@pytest.mark.parametrize("size", [1, 7, 9, 1000])
def test_what_is_no_reference_is_refused(size: int) -> None:
    with pytest.raises(PayloadError, match="send a key frame"):
        split_reference(bytes(size))
