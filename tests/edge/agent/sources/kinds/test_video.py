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


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="Linux tells the threads of a process")
def test_ffmpeg_has_no_more_threads_than_the_device(tmp_path: Path) -> None:
    path, threads = tmp_path / "clip.mp4", cv2.getNumThreads()
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 100.0, (64, 48))
    for _ in range(FRAMES):
        writer.write(np.zeros((48, 64, 3), np.uint8))
    writer.release()
    decoders = list[int]()
    try:
        for number in (1, 3):
            cv2.setNumThreads(number)
            with VideoSource(name="clip", path=path).open(Opening(Inboxes())) as opened:
                shots = opened.shots()
                next(shots)()
                names = [task.read_text() for task in Path("/proc/self/task").glob("*/comm")]
            decoders.append(sum(name.startswith("av:") for name in names))
    finally:
        cv2.setNumThreads(threads)
    assert decoders == [0, 3]


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
