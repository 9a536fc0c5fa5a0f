import json
from pathlib import Path
from xml.etree import ElementTree as ET

import cv2
import pytest

import isthmus
from bench.codec import timing
from bench.codec.candidates import uploads
from bench.rig.machine import WARM_UP
from protos.bundle import Bundle
from protos.errors import BundleMissing, CheckpointError, RequestError
from protos.mistaken import PARTS_MARK
from splitter.nano.scenes import picture

KINDS = {
    "all",
    "colour",
    "shape",
    "size",
    "count",
    "existence",
    "position",
    "relation",
    "background",
    "describe",
}


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Few uploads, few turns, a cache of its own."""
    monkeypatch.setattr(uploads, "QUALITIES", {"jpeg": (75, 8), "avif": (60,)})
    monkeypatch.setattr(uploads, "SCALES", (1.0, 0.5))
    monkeypatch.setattr(timing, "STEPS", WARM_UP + 1)
    monkeypatch.setenv("ISTHMUS_CACHE", str(tmp_path / "cache"))


def bench(*words: object) -> int:
    return isthmus.main(["bench", "codec", *map(str, words)])


@pytest.mark.slow
def test_a_bundle_is_measured_on_scenes(
    bundle: Bundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    figures, page = tmp_path / "codec.json", tmp_path / "codec.html"
    assert (
        bench("--bundle", bundle.path, "--data", "nano", "--pictures", 3, "-o", figures, "--html", page) == 0
    )
    said, found = capsys.readouterr().out, json.loads(figures.read_text())
    results = {one["name"]: one for one in found["rows"]}
    codecs = {f"split@{cut.name}/{codec.name}" for cut in bundle.manifest.cuts for codec in cut.codecs}
    assert set(results) == codecs | {
        f"upload@{name}{size}" for name in ("jpeg-75", "jpeg-8", "avif-60") for size in ("", " x0.5")
    }
    assert all(set(one["figures"]) <= KINDS and one["payload"] < one["request"] for one in results.values())
    assert all(one["bare"] <= one["payload"] and one["times"]["encode"] > 0 for one in results.values())
    assert (
        results["split@connector/fp16-zstd"]["figures"]["all"]["value"]
        > results["upload@jpeg-8 x0.5"]["figures"]["all"]["value"]
    )
    assert found["setting"]["threads"] == 1
    assert {won["cut"] for won in found["winners"]} == {"any cut", "vision.2", "vision.4", "connector"}
    assert all(name in said for name in results)
    assert found["sentences"][0] in " ".join(said.split())
    drawing = page.read_text().partition("<svg")[2].partition("</svg>")[0]
    assert ET.fromstring(f"<svg{drawing}</svg>") is not None
    assert ">fitted<" in drawing


def written(folder: Path) -> dict[Path, int]:
    """When each finished result was."""
    found = {path: path.stat().st_mtime_ns for path in folder.rglob("*.json")}
    return {path: when for path, when in found.items() if path.name != PARTS_MARK}


@pytest.mark.slow
def test_finished_results_are_not_measured_again(
    bundle: Bundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    for seed in range(2):
        cv2.imwrite(str(photos / f"{seed}.png"), picture(seed).image)
    (photos / "captions.json").write_text(
        json.dumps({"0.png": ["a small red ring"], "1.png": ["a large blue star"]})
    )
    assert bench("--bundle", bundle.path, "--data", photos) == 0
    kept = written(tmp_path / "cache" / "bench")
    first = capsys.readouterr().out
    assert bench("--bundle", bundle.path, "--data", photos) == 0
    assert written(tmp_path / "cache" / "bench") == kept
    assert len(kept) == 1 + 6 + sum(len(cut.codecs) for cut in bundle.manifest.cuts)
    assert "NLL at most +0.01" in first
    assert first.partition("who wins")[2] == capsys.readouterr().out.partition("who wins")[2]


def test_questions_for_scenes_are_refused(
    bundle: Bundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (
        bench("--bundle", bundle.path, "--data", "nano", "--questions", tmp_path / "asked.json")
        == RequestError.exit_code
    )
    assert "questions of their own" in capsys.readouterr().err


def test_a_place_that_cannot_be_written_is_refused_before_anything_is_measured(
    bundle: Bundle, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("mine")
    for place in (tmp_path / "file", tmp_path / "file" / "codec.json", tmp_path):
        for option in ("-o", "--html"):
            status = bench("--bundle", bundle.path, "--data", "nano", option, place)
            assert status == RequestError.exit_code
    assert (tmp_path / "file").read_text() == "mine"


def test_a_folder_that_is_no_bundle_is_refused(tmp_path: Path) -> None:
    assert bench("--bundle", tmp_path, "--data", "nano") == BundleMissing.exit_code


def test_a_folder_without_pictures_is_refused(bundle: Bundle, tmp_path: Path) -> None:
    assert bench("--bundle", bundle.path, "--data", tmp_path / "none") == RequestError.exit_code
    (tmp_path / "a.png").write_bytes(b"no picture")
    assert bench("--bundle", bundle.path, "--data", tmp_path) == CheckpointError.exit_code
