"""A dual encoder's bundle, split once a test run, and an evaluation set of captioned photos."""

import json
from pathlib import Path

import cv2
import pytest

from bench.codec.evaluation.evaluation_set import EvaluationSet
from bench.codec.evaluation.picture_folder import folder
from protos.bundle import Bundle
from splitter.nano.scenes import picture
from splitter.recipe import Options
from splitter.silence import silence_libraries
from splitter.split import split
from tests.sharing import once
from tests.splitter.families.dual_checkpoints import clip


@pytest.fixture(scope="session")
def captioned_photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("photos")
    for seed in range(9):
        cv2.imwrite(str(place / f"{seed}.png"), picture(seed).image)
    (place / "captions.json").write_text(
        json.dumps({f"{seed}.png": [f"a photo of number {seed}", "a photo"] for seed in range(3)})
    )
    return place


@pytest.fixture(scope="session")
def dual(captioned_photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    def make(place: Path) -> None:
        clip(place / "checkpoint")
        options = Options(
            place / "checkpoint",
            calibration=captioned_photos,
            calibration_pictures=6,
            report_pictures=2,
            labels=("cat", "dog"),
        )
        with silence_libraries():
            split(options, place / "bundle", say=lambda _: None)

    return Bundle.open(once(tmp_path_factory, "dual-encoder", make) / "bundle")


@pytest.fixture(scope="session")
def captioned(captioned_photos: Path) -> EvaluationSet:
    return folder(captioned_photos, 3)
