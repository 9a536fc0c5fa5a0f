"""The learned codec on a small random checkpoint of every family: the loss falls, and what was learned crosses the wire."""

from pathlib import Path

import numpy as np
import pytest

from splitter.coding.learning.quicker import halved
from splitter.recipe import Options
from tests.splitter.coding.learning.pupil import Pupil, crossed
from tests.splitter.families.checkpoints import CHECKPOINTS
from tests.splitter.families.dual_checkpoints import DUAL_CHECKPOINTS

EVERY = CHECKPOINTS | DUAL_CHECKPOINTS


@pytest.mark.parametrize("family", EVERY)
def test_every_family_learns(family: str, photos: Path, tmp_path: Path) -> None:
    EVERY[family](tmp_path / "checkpoint")
    options = Options(tmp_path / "checkpoint", calibration=photos, calibration_pictures=6, report_pictures=2)
    pupil = Pupil(tmp_path, options, "vision.1")

    losses = pupil.losses(8)
    assert losses[-1] < losses[0]

    with halved(enabled=True):
        assert np.isfinite(pupil.losses(2)).all(), "behind the codec products may be in BF16"

    learned = pupil.learn(tmp_path / "state", steps=4)
    sizes = crossed(learned.transforms(pupil.boundary), pupil, tmp_path / "files")
    assert sizes == sorted(sizes, reverse=True)
