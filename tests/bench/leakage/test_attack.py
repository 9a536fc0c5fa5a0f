from pathlib import Path

import cv2
import pytest

from bench.codec.evaluation.evaluation_set import EvaluationSet, scenes
from bench.codec.evaluation.matching import LABEL
from bench.codec.evaluation.picture_folder import folder
from bench.leakage.attack import UPLOADS, Attack, attacked
from bench.leakage.results import LeakageReport
from protos.bundle import Bundle
from splitter.nano.scenes import picture
from splitter.recipe import Options
from splitter.silence import silence_libraries
from splitter.split import split
from splitter.storage.parts import Parts
from tests.splitter.families.dual_checkpoints import clip

pytestmark = pytest.mark.slow


def test_of_each_kind_of_codec_the_finest_and_the_coarsest_are_attacked(bundle: Bundle) -> None:
    cut = bundle.cut("vision.4")
    levels = [codec.name for codec in cut.codecs if codec.name.startswith("fitted")]
    assert [codec.name for codec in attacked(cut)] == [levels[0], levels[-1], "int8-zstd", "fp16-zstd"]


def test_a_bundle_is_attacked_at_every_cut(
    bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = attack(bundle, scenes(2), tmp_path)
    names = [result.name for result in found.results]
    assert names == [
        *(f"split@{cut.name}/{codec.name}" for cut in bundle.manifest.cuts for codec in attacked(cut)),
        *(upload.name for upload in UPLOADS),
    ]
    assert found.original > max(
        result.understood for result in found.results if result.name.startswith("split")
    )
    assert min(result.psnr for result in found.results[-len(UPLOADS) :]) > max(
        result.psnr for result in found.results[: -len(UPLOADS)]
    ), "after 2 steps"


def test_what_a_dual_encoder_sends_is_attacked_too(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    for seed in range(9):
        cv2.imwrite(str(photos / f"{seed}.png"), picture(seed).image)
    clip(tmp_path / "checkpoint")
    options = Options(
        tmp_path / "checkpoint",
        cuts=("projection",),
        calibration=photos,
        calibration_pictures=6,
        report_pictures=2,
    )
    with silence_libraries():
        found = attack(split(options, tmp_path / "bundle", say=lambda _: None), folder(photos, 2), tmp_path)
    assert (found.measure, found.original) == (LABEL, 100)


def attack(bundle: Bundle, held_out: EvaluationSet, place: Path) -> LeakageReport:
    known = [picture(seed).image for seed in range(4)]
    return Attack(bundle, known, held_out, steps=2, parts=Parts(place / "leakage", "test")).run(
        lambda _: None
    )
