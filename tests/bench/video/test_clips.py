from itertools import pairwise

import numpy as np
import pytest

from bench.video.clips import KINDS, RATE, Clip, clips

Drawn = dict[str, Clip]


@pytest.fixture(scope="module")
def drawn() -> Drawn:
    return {kind: clips(kind, 1, 4)[0] for kind in KINDS}


def change(clip: Clip) -> list[float]:
    """How much of the picture is another from frame to frame, noise aside."""
    frames = np.stack(clip.frames).astype(np.int64)
    return [float((np.abs(after - before).max(-1) > 60).mean()) for before, after in pairwise(frames)]


def test_a_clip_is_asked_about_once_a_second_and_the_same_each_time(drawn: Drawn) -> None:
    for kind, clip in drawn.items():
        assert len(clip.frames) == 4 * RATE
        assert clip.asked == [4, 9, 14, 19]
        again = clips(kind, 1, 4)[0]
        assert again.questions == clip.questions
        np.testing.assert_array_equal(again.frames[7], clip.frames[7])


def test_more_moves_in_a_moving_scene_than_in_a_slow_one_and_a_cut_changes_all(drawn: Drawn) -> None:
    slow, moving, cut = (change(drawn[kind]) for kind in KINDS)
    assert 0 < np.median(slow) < np.median(moving)
    assert np.argmax(cut) == 2 * RATE - 1
    assert max(cut) > 10 * np.median(cut)


def test_noise_is_another_in_every_frame(drawn: Drawn) -> None:
    frames = drawn["slow scene"].frames
    assert not any(np.array_equal(before, after) for before, after in pairwise(frames))
