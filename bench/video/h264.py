"""H.264 as a live camera sends it: x264 without look-ahead or B-frames, one key frame, then P-frames."""

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
_SEI = 6  # the NAL unit in which x264 describes itself; a decoder needs none
_START = b"\0\0\1"


@dataclass(frozen=True)
class H264:
    """A preset and a constant rate factor of libx264; `rate` frames a second."""

    preset: str
    crf: int
    rate: int

    def round_trip(self, frames: Sequence[Image]) -> tuple[list[int], list[Image]]:
        """Encode and decode frames (h, w, 3) of even sides: bytes of each, and the decoded frames. Raises
        RequestError without PyAV.
        """
        check()
        import av

        height, width, _ = frames[0].shape
        encoder = av.VideoCodecContext.create("libx264", "w")
        encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuv420p"
        encoder.framerate, encoder.time_base = Fraction(self.rate), Fraction(1, self.rate)
        no_key_frames = str(len(frames) + 1)
        encoder.options = {
            "preset": self.preset,
            "tune": "zerolatency",
            "crf": str(self.crf),
            "g": no_key_frames,
            "threads": "1",
        }
        decoder, sizes, decoded = av.VideoCodecContext.create("h264", "r"), list[int](), list[Image]()
        for number, image in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts = number
            packets = encoder.encode(frame)
            sizes.append(sum(bare(bytes(packet)) for packet in packets))
            decoded += [_picture(shown) for packet in packets for shown in decoder.decode(packet)]
        return sizes, decoded + [_picture(shown) for shown in decoder.decode(None)]


def _picture(frame: "VideoFrame") -> Image:
    return np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)


def check() -> None:
    """Raises RequestError where H.264 cannot be measured."""
    try:
        import av  # noqa: F401
    except ImportError as error:
        raise RequestError("H.264, the strongest rival, needs PyAV; install it: pip install av") from error


def bare(packet: bytes) -> int:
    """Bytes of a packet in Annex B form without x264's description of itself."""
    units = packet.split(_START)[1:]
    return sum(len(_START) + len(unit) for unit in units if unit and unit[0] & 31 != _SEI)
