"""H.264 as a live camera sends it: x264 without look-ahead or B-frames, one key frame at the start, then
differences.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from protos.errors import RequestError
from splitter.evaluate.subjects import Image

if TYPE_CHECKING:  # it is no part of what the demonstration installs
    from av import VideoFrame

PRESETS = ("ultrafast", "medium", "veryslow")
CRFS = (23, 28, 33, 38, 43)
_SEI = 6  # the NAL unit in which x264 describes itself; a stream can do without
_START = b"\0\0\1"


@dataclass(frozen=True)
class H264:
    """A preset and a constant rate factor of libx264; `rate` frames a second."""

    preset: str
    crf: int
    rate: int

    def through(self, frames: Sequence[Image]) -> tuple[list[int], list[Image]]:
        """Frames (h, w, 3) of even sides to the bytes of each, and the frames that come out. Raises
        RequestError without PyAV.
        """
        check()
        import av

        height, width, _ = frames[0].shape
        encoder = av.VideoCodecContext.create("libx264", "w")
        encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuv420p"
        encoder.framerate, encoder.time_base = Fraction(self.rate), Fraction(1, self.rate)
        endless = str(len(frames) + 1)
        encoder.options = {
            "preset": self.preset,
            "tune": "zerolatency",
            "crf": str(self.crf),
            "g": endless,
            "threads": "1",
        }
        decoder, sizes, seen = av.VideoCodecContext.create("h264", "r"), list[int](), list[Image]()
        for number, image in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts = number
            packets = encoder.encode(frame)
            sizes.append(sum(bare(bytes(packet)) for packet in packets))
            seen += [_picture(shown) for packet in packets for shown in decoder.decode(packet)]
        return sizes, seen + [_picture(shown) for shown in decoder.decode(None)]


def _picture(frame: "VideoFrame") -> Image:
    return np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)


def check() -> None:
    """Raises RequestError where H.264 cannot be measured."""
    try:
        import av  # noqa: F401
    except ImportError as error:
        raise RequestError("H.264, the strongest rival, needs PyAV; install it: pip install av") from error


def bare(packet: bytes) -> int:
    """Bytes of a packet in Annex B form without what x264 tells of itself."""
    units = packet.split(_START)[1:]
    return sum(len(_START) + len(unit) for unit in units if unit and unit[0] & 31 != _SEI)
