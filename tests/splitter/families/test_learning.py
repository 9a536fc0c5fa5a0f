"""The learned codec on a small random checkpoint of every family: the loss falls, and what was learned
crosses the wire.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from protos import codec as wire
from splitter.codecs.kinds.fitted import DISTORTIONS
from splitter.codecs.learning.autocast import Autocast
from splitter.codecs.learning.training_set import LEARNED_DISTORTIONS, Costs, TrainingSet
from splitter.recipe import Options
from splitter.silence import silence_libraries
from splitter.split import split
from tests.splitter.codecs.learning.pupil import Pupil, crossed
from tests.splitter.families.checkpoints import CHECKPOINTS, idefics3, internvl
from tests.splitter.families.dual_checkpoints import DUAL_CHECKPOINTS

pytestmark = pytest.mark.slow

EVERY = CHECKPOINTS | DUAL_CHECKPOINTS


@pytest.mark.parametrize("family", EVERY)
def test_every_family_learns(family: str, photos: Path, tmp_path: Path) -> None:
    EVERY[family](tmp_path / "checkpoint")
    options = Options(tmp_path / "checkpoint", calibration=photos, calibration_pictures=6, report_pictures=2)
    pupil = Pupil(tmp_path, options, "vision.1")

    losses = pupil.losses(8)
    assert losses[-1] < losses[0]

    in_half = replace(pupil.training_set, loss=Autocast(pupil.training_set.loss))
    for one, other in zip(first(pupil.training_set), first(in_half), strict=True):
        torch.testing.assert_close(one, other, rtol=0.2, atol=0.02)

    learned = pupil.learn(tmp_path / "state", steps=4)
    sizes = crossed(learned.transforms(pupil.boundary), pupil, tmp_path / "files")
    assert sizes == sorted(sizes, reverse=True)


@torch.no_grad()
def first(training_set: TrainingSet) -> Costs:
    """What the first pictures cost at the coarsest level before anything is learned."""
    torch.manual_seed(0)
    return training_set.costs(training_set.networks(), [training_set.levels - 1] * 4, range(4), 0)


@pytest.mark.parametrize("written", [internvl, idefics3])
def test_a_split_learns_of_whole_pictures_and_of_tiles(
    written: Callable[[Path], None], photos: Path, tmp_path: Path
) -> None:
    written(tmp_path / "checkpoint")
    options = Options(
        tmp_path / "checkpoint",
        ("vision.1",),
        photos,
        calibration_pictures=6,
        report_pictures=2,
        codecs=("learned",),
        budget_minutes=0.05,
    )
    said: list[str] = []
    with silence_libraries():
        bundle = split(options, tmp_path / "bundle", say=said.append)

    assert sum("learning took" in line for line in said) == len(bundle.manifest.cuts)
    for cut in bundle.manifest.cuts:
        kinds = [wire.kind(spec) for spec in cut.codecs]
        assert kinds.count("fitted") == len(DISTORTIONS)
        assert kinds.count("learned") in (0, len(LEARNED_DISTORTIONS)), "kept only where it helped"
