"""Cameras on the network, real ones as far as FFmpeg can tell."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from edge.agent.config.reading import settings_of
from edge.agent.settings.quantities import Milliseconds, Url
from edge.agent.sources.kinds.stream import StreamSource
from edge.agent.sources.opening import Inboxes, Opening
from protos.errors import RequestError
from tests.edge.agent.sources.cameras import SIDE, ScriptedCamera, http_camera, rtsp_camera

Cameras = Callable[[ScriptedCamera], AbstractContextManager[ScriptedCamera]]
both = pytest.mark.parametrize("cameras", [http_camera, rtsp_camera])
RECONNECTS = 30


def read(url: str, read_ms: float = 5000.0) -> list[tuple[int, ...]]:
    """The shapes of the frames until it is lost."""
    found = list[tuple[int, ...]]()
    source = StreamSource(name="door", url=Url(url), read_timeout=Milliseconds(read_ms))
    with pytest.raises(RequestError) as raised:
        _read(source, found)
    assert "geheim" not in str(raised.value)
    return found


def _read(source: StreamSource, found: list[tuple[int, ...]]) -> None:
    with source.open(Opening(Inboxes())) as opened:
        found.extend(shot().shape for shot in opened.shots())


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@both
def test_frames_come_until_the_camera_drops_the_connection(cameras: Cameras) -> None:
    with cameras(ScriptedCamera(4)) as camera:
        assert read(camera.url) == [(SIDE, SIDE, 3)] * 4


@both
def test_a_camera_that_falls_silent_is_lost_after_the_read_timeout(cameras: Cameras) -> None:
    with cameras(ScriptedCamera(9, hangs=True)) as camera:
        assert read(camera.url, read_ms=500) == [(SIDE, SIDE, 3)] * 9


@both
def test_a_camera_that_is_opened_again_and_again_leaves_no_descriptors(cameras: Cameras) -> None:
    with cameras(ScriptedCamera(1, seconds=0)) as camera:
        read(camera.url)
        before = descriptors()
        for _ in range(RECONNECTS):
            read(camera.url)
        assert descriptors() <= before + 1  # the server's last
        assert camera.connections == RECONNECTS + 1


def test_a_camera_that_is_not_there_is_named_without_its_password() -> None:
    assert read("rtsp://user:geheim@127.0.0.1:1/live") == []


@pytest.mark.parametrize(
    "url", ["rtsp://user:geheim@", "ftp://user:geheim@host/", "geheim", "rtsp://[geheim"]
)
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(RequestError, match="is no address of a stream"):
        settings_of({"source": [{"kind": "stream", "name": "door", "url": url}]})


def test_no_message_about_a_source_has_its_password() -> None:
    table = {"kind": "stream", "name": "door", "url": "rtsp://user:geheim@host/", "rate": "fast"}
    with pytest.raises(RequestError) as raised:
        settings_of({"source": [table]})
    assert "geheim" not in str(raised.value)
    assert "geheim" not in repr(settings_of({"source": [table | {"rate": "1/s"}]}))
