"""A camera at this device: V4L2."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import cv2
from msgspec import Meta

from edge.agent.sources.capture import Capture, captured
from edge.agent.sources.frame import Shot
from edge.agent.sources.opening import Opening
from edge.agent.sources.source import SourceSettings
from protos.errors import RequestError

_READ_MS = 5000.0
_Pixels = Annotated[int, Meta(ge=16, le=16384)]


class CameraSource(SourceSettings, frozen=True, tag="camera", kw_only=True):
    """`kind = "camera"`. The camera is asked for this size and these frames a second, and may give others."""

    device: Path = Path("/dev/video0")
    width: _Pixels | None = None
    height: _Pixels | None = None
    fps: Annotated[int, Meta(ge=1, le=1000)] | None = None

    @property
    def live(self) -> bool:
        return True

    def missing(self) -> str:
        if self.device.is_char_device():
            return ""
        return f"there is no camera {self.device}; plug it in, or name another device"

    @contextmanager
    def open(self, opening: Opening) -> Iterator["_Camera"]:
        """Raises RequestError where there is no such camera, or it is in use."""
        del opening
        if missing := self.missing():
            raise RequestError(missing)
        wishes = (
            (cv2.CAP_PROP_FRAME_WIDTH, self.width),
            (cv2.CAP_PROP_FRAME_HEIGHT, self.height),
            (cv2.CAP_PROP_FPS, self.fps),
        )
        options = [(prop, float(value)) for prop, value in wishes if value is not None]
        with captured(
            str(self.device), cv2.CAP_V4L2, [(cv2.CAP_PROP_READ_TIMEOUT_MSEC, _READ_MS), *options]
        ) as capture:
            if capture is None:
                raise RequestError(
                    f"{self.device} cannot be opened; end what else uses it, let this user read it (group "
                    "video), and name a device that captures video"
                )
            yield _Camera(capture, self.device)


class _Camera:
    def __init__(self, capture: Capture, device: Path) -> None:
        self._capture, self._device = capture, device

    def shots(self) -> Iterator[Shot]:
        yield from self._capture.shots()
        raise RequestError(f"{self._device} gives no more frames; plug the camera in again")
