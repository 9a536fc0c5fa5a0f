"""The learned codec on small random checkpoints: what was learned crosses the wire."""

from pathlib import Path

import pytest

from splitter.recipe import Options
from tests.splitter.coding.learning.pupil import Pupil, crossed
from tests.splitter.families.checkpoints import CHECKPOINTS


@pytest.mark.parametrize("family", ["internvl", "blip-vqa", "qwen3vl"])
def test_other_families_learn_too(family: str, photos: Path, tmp_path: Path) -> None:
    folder = tmp_path / "checkpoint"
    CHECKPOINTS[family](folder)
    pupil = Pupil(tmp_path, Options(folder, calibration=photos, calibration_pictures=6, report_pictures=2), "vision.1")

    learned = pupil.learn(tmp_path / "state", steps=12)

    sizes = crossed(learned.transforms, pupil, tmp_path / "files")
    assert sizes == sorted(sizes, reverse=True)
