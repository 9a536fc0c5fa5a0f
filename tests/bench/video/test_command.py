import json
from pathlib import Path

import pytest

import isthmus
from bench.video import candidates
from bench.video.clips import KINDS, RATE
from bench.video.wire import SILENCE
from protos.bundle import Bundle


@pytest.mark.slow
def test_a_bundle_is_measured_on_clips(
    bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(candidates, "QUALITIES", (50,))
    monkeypatch.setattr(candidates, "PRESETS", ("ultrafast",))
    monkeypatch.setattr(candidates, "CRFS", (33,))
    every = candidates.every_candidate
    monkeypatch.setattr(
        candidates,
        "every_candidate",
        lambda *arguments: [one for one in every(*arguments) if not one.curve.startswith("vision")],
    )
    figures = tmp_path / "video.json"
    words = ["--bundle", str(bundle.path), "--clips", "1", "--length", "2s", "-o", str(figures)]
    assert isthmus.main(["bench", "video", *words]) == 0
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
    assert 40 < found["overhead"] < 100
    wire = {(one["kind"], one["way"]): one for one in found["wire"]}
    for kind in KINDS:
        by_infer, every, silent = (
            wire[kind, way] for way in ("Infer", "Watch, a reply a frame", f"Watch, {SILENCE} silent")
        )
        assert wire[kind, "Converse"]["beside"] < by_infer["beside"]
        assert every["beside"] < by_infer["beside"] / 2
        assert silent["up"] <= 24
        assert silent["beside"] < every["beside"]
    assert wire["slow scene", f"Watch, {SILENCE} silent"]["beside"] <= 28, "the second of ten has a reply"


def test_a_clip_too_short_for_a_cut_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        isthmus.main(["bench", "video", "--length", "1s"])
    assert "--length: '1s' is not between 2s and 1h" in capsys.readouterr().err
