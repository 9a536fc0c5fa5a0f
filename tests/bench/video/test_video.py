"""Clips, how they are sent, and what is said of it."""

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

import isthmus
from bench.codec.marks import Figure
from bench.video import ways
from bench.video.clips import KINDS, RATE, Clip, clips
from bench.video.h264 import H264, bare
from bench.video.outcome import Outcome, Row
from bench.video.ways import FILM, KEYS, MJPEG, REFERENCES
from protos.bundle import Bundle
from protos.errors import RequestError

Made = dict[str, Clip]


@pytest.fixture(scope="module")
def made() -> Made:
    return {kind: clips(kind, 1, 4)[0] for kind in KINDS}


def change(clip: Clip) -> list[float]:
    """How much of the picture is another from frame to frame, noise aside."""
    frames = np.stack(clip.frames).astype(np.int64)
    return [float((np.abs(after - before).max(-1) > 60).mean()) for before, after in pairwise(frames)]


def test_a_clip_is_asked_about_once_a_second_and_the_same_each_time(made: Made) -> None:
    for kind, clip in made.items():
        assert len(clip.frames) == 4 * RATE
        assert clip.asked == [4, 9, 14, 19]
        again = clips(kind, 1, 4)[0]
        assert again.questions == clip.questions
        np.testing.assert_array_equal(again.frames[7], clip.frames[7])


def test_more_moves_in_a_moving_scene_than_in_a_slow_one_and_a_cut_changes_all(made: Made) -> None:
    slow, moving, cut = (change(made[kind]) for kind in KINDS)
    assert 0 < np.median(slow) < np.median(moving)
    assert np.argmax(cut) == 2 * RATE - 1
    assert max(cut) > 10 * np.median(cut)


def test_noise_is_another_in_every_frame(made: Made) -> None:
    frames = made["slow scene"].frames
    assert not any(np.array_equal(before, after) for before, after in pairwise(frames))


@pytest.mark.parametrize("preset", ["ultrafast", "veryslow"])
def test_h264_gives_every_frame_back_and_codes_the_later_ones_by_what_changed(
    preset: str, made: Made
) -> None:
    frames = made["slow scene"].frames
    sizes, seen = H264(preset, 33, RATE).through(frames)
    assert len(sizes) == len(seen) == len(frames)
    assert np.mean(sizes[1:]) < sizes[0] / 3
    assert np.abs(np.stack(seen).astype(int) - np.stack(frames)).mean() < 12


def test_what_an_encoder_tells_of_itself_is_not_counted() -> None:
    unit, told = b"\0\0\1\x65picture", b"\0\0\1\x06x264 - options"
    assert bare(told + unit) == len(unit)


def row(group: str, name: str, rate: float, change: float) -> Row:
    return Row("cut", name, group, name, rate, [rate], Figure(90 + change, change, change, change))


def outcome(*rows: Row) -> Outcome:
    return Outcome("nano", "ab", 1, 6, {"cut": 9}, {"cut": 90.0}, rows, 150)


def test_the_cheapest_of_each_way_within_a_point_are_compared() -> None:
    found = outcome(
        row(REFERENCES, "r1", 100, -0.5),
        row(REFERENCES, "r2", 50, -3.0),
        row(KEYS, "k1", 400, 0.0),
        row(FILM, "h1", 900, -1.0),
        row(FILM, "h2", 700, -1.2),
        row(MJPEG, "m1", 9000, 1.0),
    )
    assert {group: won.name for group, won in found.winners("cut").items()} == {
        REFERENCES: "r1",
        KEYS: "k1",
        FILM: "h1",
        MJPEG: "m1",
    }
    assert found.sentences[0].endswith(
        f"9 times less than {FILM}, 4 times less than {KEYS}, 90 times less than {MJPEG}"
    )


def test_where_no_references_are_good_enough_there_is_no_ratio() -> None:
    assert "times" not in outcome(row(KEYS, "k1", 400, 0.0)).sentences[0]
    assert f"{REFERENCES} none" in outcome(row(KEYS, "k1", 400, 0.0)).sentences[0]


@pytest.mark.slow
def test_a_bundle_is_measured_on_clips(
    bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(ways, "QUALITIES", (50,))
    monkeypatch.setattr(ways, "PRESETS", ("ultrafast",))
    monkeypatch.setattr(ways, "CRFS", (33,))
    every = ways.every_way
    monkeypatch.setattr(
        ways,
        "every_way",
        lambda *halves: [way for way in every(*halves) if not way.curve.startswith("vision")],
    )
    figures = tmp_path / "video.json"
    assert (
        isthmus.main(
            ["bench", "video", str(bundle.path), "--clips", "1", "--seconds", "2", "--json", str(figures)]
        )
        == 0
    )
    said, found = " ".join(capsys.readouterr().out.split()), json.loads(figures.read_text())
    rates = {(one["kind"], one["name"]): one["rate"] for one in found["rows"]}
    fitted = [
        f"split@{cut.name}/{codec.name}"
        for cut in bundle.manifest.cuts[-1:]
        for codec in cut.codecs
        if codec.kind == "fitted"
    ]
    assert set(rates) == {
        (kind, name)
        for kind in KINDS
        for name in ("MJPEG q50", "H.264 ultrafast crf 33", *fitted, *(f"{n}, references" for n in fitted))
    }
    for name in fitted:
        assert rates["slow scene", f"{name}, references"] < 0.8 * rates["slow scene", name]
        assert rates["moving scene", f"{name}, references"] <= rates["moving scene", name]
    assert all(sentence in said for sentence in found["sentences"])
    assert found["frames a second"] == RATE
    assert 100 < found["overhead"] < 200


def test_a_clip_too_short_for_a_cut_is_refused(bundle: Bundle, capsys: pytest.CaptureFixture[str]) -> None:
    assert isthmus.main(["bench", "video", str(bundle.path), "--seconds", "1"]) == RequestError.exit_code
    assert "at least 2" in capsys.readouterr().err
