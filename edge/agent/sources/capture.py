"""OpenCV's VideoCapture: opened with limits of time, read frame by frame, released whatever happens."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import cv2
import numpy as np

from edge.agent.sources.frame import Shot
from edge.pictures.resampling import Picture
from protos.errors import PictureError

# TCP, as RTSP over UDP loses parts of frames; and FFmpeg writes nothing, as it would write addresses
_FFMPEG = {"OPENCV_FFMPEG_CAPTURE_OPTIONS": "rtsp_transport;tcp", "OPENCV_FFMPEG_LOGLEVEL": "-8"}


class Capture:
    """One that is open."""

    def __init__(self, capture: cv2.VideoCapture) -> None:
        self._capture = capture

    def shots(self) -> Iterator[Shot]:
        """Until a frame does not come. Frames that nobody wants are decoded, but not converted."""
        while self._capture.grab():
            yield self._picture

    def fps(self) -> float:
        """Frames a second that it says it has; 0 where it does not say."""
        return max(float(self._capture.get(cv2.CAP_PROP_FPS)), 0.0)

    def _picture(self) -> Picture:
        got, frame = self._capture.retrieve()
        if not got or frame is None or frame.size == 0:
            raise PictureError("a frame could not be decoded; the next one is taken")
        how = cv2.COLOR_GRAY2RGB if frame.ndim == 2 else cv2.COLOR_BGR2RGB
        return np.asarray(cv2.cvtColor(frame, how), np.uint8)


@contextmanager
def captured(address: str, backend: int, options: Sequence[tuple[int, float]]) -> Iterator[Capture | None]:
    """What is at a path or an address, by one of OpenCV's backends and its properties; None where it cannot
    be opened. FFmpeg decodes with as many threads as OpenCV may have in this process: `threads` of
    agent.toml.
    """
    if backend == cv2.CAP_FFMPEG:
        options = [*options, (cv2.CAP_PROP_N_THREADS, cv2.getNumThreads())]
    for name, value in _FFMPEG.items():
        os.environ.setdefault(name, value)
    capture = cv2.VideoCapture()
    try:
        flat = [int(number) for option in options for number in option]
        opened = capture.open(address, backend, flat)
        yield Capture(capture) if opened else None
    except cv2.error:
        yield None
    finally:
        capture.release()
