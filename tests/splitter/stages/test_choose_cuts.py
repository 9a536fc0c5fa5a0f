from pathlib import Path

import cv2
import pytest

from protos.errors import UnknownName
from splitter.families.loading import Checkpoint
from splitter.nano import WEIGHTS
from splitter.nano.scenes import picture
from splitter.recipe import BEST_CUTS, Options
from splitter.silence import silence_libraries
from splitter.stages.choose_cuts import best_cuts, named_cuts
from splitter.stages.load import check_cuts
from tests.splitter.families.checkpoints import llava_clip
from tests.splitter.runs import loaded, run_of

pytestmark = pytest.mark.slow


@pytest.fixture
def options(tmp_path: Path) -> Options:
    """A small checkpoint and pictures to try its cuts on."""
    llava_clip(tmp_path / "checkpoint")
    (tmp_path / "photos").mkdir()
    for seed in range(9):
        cv2.imwrite(str(tmp_path / "photos" / f"{seed}.png"), picture(seed).image)
    return Options(
        tmp_path / "checkpoint", cuts=BEST_CUTS, calibration=tmp_path / "photos", report_pictures=2
    )


def test_the_cuts_of_a_checkpoint_are_tried_once_and_the_best_are_published(
    options: Options, tmp_path: Path
) -> None:
    told: list[str] = []
    tried: list[str] = []

    def chosen() -> list[str]:
        run = run_of(options, tmp_path, told.append, lambda step, *_: tried.append(step))
        return best_cuts(run, *loaded(run))

    with silence_libraries():
        found = chosen()
        first = len(tried)
        assert chosen() == found
    assert found[-1] == "connector"
    assert found == [name for name in ("vision.1", "vision.2", "connector") if name in found]
    assert f"slower): {', '.join(found)}" in told[-1]
    assert first == len(tried)
    assert tried.count("trying cuts") == 3


NANO = ["vision.1", "vision.2", "vision.3", "vision.4", "vision.5", "vision.6", "connector"]


@pytest.mark.parametrize(
    ("wanted", "cuts"),
    [
        ((), ["vision.2", "vision.4", "connector"]),
        (("vision.5", "vision.1"), ["vision.1", "vision.5", "connector"]),
        (("connector",), ["connector"]),
    ],
)
def test_cuts_are_those_wanted_or_at_thirds_and_always_the_last(
    wanted: tuple[str, ...], cuts: list[str]
) -> None:
    assert named_cuts(Checkpoint(WEIGHTS), wanted) == cuts


def test_a_cut_that_the_checkpoint_cannot_have_is_refused_with_those_it_can() -> None:
    with pytest.raises(UnknownName, match=", ".join(NANO).replace(".", r"\.")):
        check_cuts(Checkpoint(WEIGHTS), ("vision.9",))
