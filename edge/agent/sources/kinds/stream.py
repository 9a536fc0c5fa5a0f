"""A camera on the network: RTSP, or MJPEG and other video over HTTP."""

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import cv2

from edge.agent.settings.quantities import Milliseconds, Url
from edge.agent.sources.capture import Capture, captured
from edge.agent.sources.frame import Shot
from edge.agent.sources.opening import Opening
from edge.agent.sources.source import SourceSettings
from protos.errors import RequestError

_SCHEMES = ("rtsp", "rtsps", "http", "https")
_MAX_MS = 600_000


class StreamSource(SourceSettings, frozen=True, tag="stream", kw_only=True):
    """`kind = "stream"`. RTSP comes over TCP. User and password may stand in the address; no message and no
    log has them.
    """

    url: Url
    open_timeout: Milliseconds = Milliseconds(5000)
    read_timeout: Milliseconds = Milliseconds(5000)

    @property
    def live(self) -> bool:
        return True

    def check(self) -> None:
        """Raises RequestError for an address of another kind, and for times that FFmpeg cannot keep."""
        super().check()
        try:
            parts = urlsplit(self.url.text)
            usable = parts.scheme in _SCHEMES and bool(parts.hostname)
        except ValueError:
            usable = False
        if not usable:
            raise RequestError(
                f"source {self.name}: {self.url} is no address of a stream; write rtsp://HOST/PATH, "
                "rtsps://, http:// or https://"
            )
        for name, timeout in (("open-timeout", self.open_timeout), ("read-timeout", self.read_timeout)):
            if not 1 <= timeout <= _MAX_MS:
                raise RequestError(f"source {self.name}: {name} is {timeout:g} ms; give 1ms to 10min")

    @contextmanager
    def open(self, opening: Opening) -> Iterator["_OpenStream"]:
        """Raises RequestError where it does not answer in time, or is no video."""
        del opening
        times = (
            (cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, self.open_timeout),
            (cv2.CAP_PROP_READ_TIMEOUT_MSEC, self.read_timeout),
        )
        with captured(self.url.text, cv2.CAP_FFMPEG, times) as capture:
            if capture is None:
                raise RequestError(
                    f"{self.url} cannot be opened; check that the camera is reachable, and its path, "
                    "user and password"
                )
            yield _OpenStream(capture, str(self.url))


class _OpenStream:
    """One that ends is lost: cameras do not end."""

    def __init__(self, capture: Capture, name: str) -> None:
        self._capture, self._name = capture, name

    def shots(self) -> Iterator[Shot]:
        yield from self._capture.shots()
        raise RequestError(f"{self._name} sends no more frames; it is opened again")
