"""A camera at this device that is none: there is no real one here."""

from pathlib import Path

import pytest

from edge.agent.sources.kinds.camera import CameraSource
from edge.agent.sources.opening import Inboxes, Opening
from protos.errors import RequestError


@pytest.mark.parametrize(
    ("device", "words"),
    [
        ("/dev/video-none", "there is no camera /dev/video-none; plug it in"),
        ("/dev/null", "/dev/null cannot be opened; end what else uses it"),
    ],
)
def test_what_is_no_camera_is_said(device: str, words: str) -> None:
    source = CameraSource(name="door", device=Path(device), width=640, height=480, fps=15)
    with pytest.raises(RequestError, match=words), source.open(Opening(Inboxes())):
        pass
