import numpy as np
import pytest

from bench.video.clips import RATE, clips
from bench.video.h264 import H264, bare


@pytest.mark.parametrize("preset", ["ultrafast", "veryslow"])
def test_h264_gives_every_frame_back_and_codes_the_later_ones_by_what_changed(preset: str) -> None:
    frames = clips("slow scene", 1, 4)[0].frames
    sizes, decoded = H264(preset, 33, RATE).round_trip(frames)
    assert len(sizes) == len(decoded) == len(frames)
    assert np.mean(sizes[1:]) < sizes[0] / 3
    assert np.abs(np.stack(decoded).astype(int) - np.stack(frames)).mean() < 12


def test_what_an_encoder_tells_of_itself_is_not_counted() -> None:
    unit, told = b"\0\0\1\x65picture", b"\0\0\1\x06x264 - options"
    assert bare(told + unit) == len(unit)
