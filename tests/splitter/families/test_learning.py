"""The learned codec on a small random checkpoint of every family: the loss falls, and what was learned crosses the wire."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from protos import codec as wire
from splitter.coding.learning.quicker import halved
from splitter.quiet import quiet
from splitter.recipe import Options
from splitter.split import split
from tests.splitter.coding.learning.pupil import Pupil, crossed
from tests.splitter.families.checkpoints import CHECKPOINTS, idefics3, internvl
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


@pytest.mark.parametrize("written", [internvl, idefics3])
def test_a_split_learns_of_whole_pictures_and_of_tiles(written: Callable[[Path], None], photos: Path, tmp_path: Path) -> None:
    written(tmp_path / "checkpoint")
    options = Options(
        tmp_path / "checkpoint", ("vision.1",), photos, calibration_pictures=6, report_pictures=2, codecs=("learned",), budget_minutes=0.05
    )
    said: list[str] = []
    with quiet():
        bundle = split(options, tmp_path / "bundle", say=said.append)

    assert sum("learning took" in line for line in said) == len(bundle.manifest.cuts)
    for cut in bundle.manifest.cuts:
        kinds = [wire.kind(spec) for spec in cut.codecs]
        assert kinds.count("fitted") == 7
        assert kinds.count("learned") in (0, 7), "kept only where it helped"
