"""A video file, at its own pace or as fast as it is answered."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2

from edge.agent.sources.capture import captured
from edge.agent.sources.frame import Shot
from edge.agent.sources.opening import Opening
from edge.agent.sources.source import SourceSettings
from protos.errors import RequestError

_USUAL_FPS = 25.0


class VideoSource(SourceSettings, frozen=True, tag="video", kw_only=True):
    """`kind = "video"`. At its own pace frames that nobody takes are dropped, as a camera's are; else each
    is given when the one before was answered. `loop`: it begins again where it ends.
    """

    path: Path
    own_pace: bool = True
    loop: bool = False

    @property
    def live(self) -> bool:
        return self.own_pace

    def missing(self) -> str:
        return "" if self.path.is_file() else f"there is no file {self.path}; name a video"

    @contextmanager
    def open(self, opening: Opening) -> Iterator["_Video"]:
        """Raises RequestError where there is no such video."""
        if missing := self.missing():
            raise RequestError(missing)
        yield _Video(self, opening)


class _Video:
    def __init__(self, settings: VideoSource, opening: Opening) -> None:
        self._settings, self._opening = settings, opening

    def shots(self) -> Iterator[Shot]:
        yield from self._once()
        while self._settings.loop and not self._opening.closing.is_set():
            yield from self._once()

    def _once(self) -> Iterator[Shot]:
        """All frames. Raises RequestError where there are none."""
        path, begun, count = self._settings.path, time.monotonic(), 0
        with captured(str(path), cv2.CAP_FFMPEG, ()) as video:
            period = 1 / ((video.fps() if video else 0) or _USUAL_FPS)
            for shot in video.shots() if video else ():
                if self._settings.own_pace:
                    self._opening.closing.wait(max(begun + count * period - time.monotonic(), 0))
                yield shot
                count += 1
        if not count:
            raise RequestError(f"{path} is no video that FFmpeg reads; save it as MP4 with H.264")
