"""A video file that OpenCV wrote."""

from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.agent.sources.kinds.video import VideoSource
from edge.agent.sources.opening import Inboxes, Opening
from protos.errors import RequestError

FRAMES = 6


@pytest.fixture
def video(tmp_path: Path) -> Path:
    path = tmp_path / "clip.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 100.0, (64, 48))
    for number in range(FRAMES):
        writer.write(np.full((48, 64, 3), (number * 40, 0, 0), np.uint8))
    writer.release()
    return path


@pytest.mark.parametrize("own_pace", [True, False])
def test_every_frame_comes_in_order_as_rgb(video: Path, own_pace: bool) -> None:
    source = VideoSource(name="clip", path=video, own_pace=own_pace)
    with source.open(Opening(Inboxes())) as opened:
        blues = [float(shot()[..., 2].mean()) for shot in opened.shots()]
    assert len(blues) == FRAMES
    assert blues == sorted(blues)
    assert blues[-1] > 150


def test_a_loop_begins_again(video: Path) -> None:
    source = VideoSource(name="clip", path=video, own_pace=False, loop=True)
    with source.open(Opening(Inboxes())) as opened:
        blues = [float(shot()[..., 2].mean()) for shot in islice(opened.shots(), FRAMES + 1)]
    assert blues[-1] == blues[0]


def test_what_is_no_video_is_said(tmp_path: Path) -> None:
    file = tmp_path / "notes.mp4"
    for source, words in (
        (VideoSource(name="clip", path=tmp_path / "gone.mp4"), "there is no file"),
        (VideoSource(name="clip", path=file), "is no video that FFmpeg reads"),
    ):
        file.write_text("words")
        with pytest.raises(RequestError, match=words), source.open(Opening(Inboxes())) as opened:
            list(opened.shots())
