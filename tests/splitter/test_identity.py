"""A bundle is what it computes: two splits by one recipe are one bundle, however fast the machine was."""

import json
import shutil
import time
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from protos.bundle import BESIDE, Bundle
from protos.errors import BundleError
from protos.held_out import read_held_out
from splitter.evaluate import latency
from splitter.graph.chain import Chain
from splitter.nano.scenes import picture
from splitter.recipe import Options
from splitter.silence import silence_libraries
from splitter.split import split
from tests.splitter.families.checkpoints import llava_clip

pytestmark = pytest.mark.slow


def silent(_: str) -> None:
    pass


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("identity")


@pytest.fixture(scope="module")
def options(place: Path) -> Options:
    llava_clip(place / "checkpoint")
    photos = place / "photos"
    photos.mkdir()
    for seed in range(12):
        Image.fromarray(picture(seed).image).save(photos / f"{seed}.png")
    return Options(
        place / "checkpoint",
        ("vision.1",),
        photos,
        with_local=True,
        report_pictures=2,
        self_test_pictures=2,
    )


@pytest.fixture(scope="module")
def first(options: Options, place: Path) -> Bundle:
    with silence_libraries():
        return split(options, place / "first", say=silent)


@pytest.fixture(scope="module")
def second(options: Options, first: Bundle, place: Path) -> Bundle:
    """By the same recipe, on a machine whose every measurement says that it is a thousand times slower."""

    class Slow:
        @staticmethod
        def perf_counter() -> float:
            return 1000 * time.perf_counter()

    with pytest.MonkeyPatch.context() as patch, silence_libraries():
        patch.setattr(latency, "time", Slow)
        measured = Chain.milliseconds
        patch.setattr(Chain, "milliseconds", lambda *given: [1000 * taken for taken in measured(*given)])
        return split(options, place / "second", say=silent)


def test_two_splits_by_one_recipe_are_one_bundle_whatever_was_measured(first: Bundle, second: Bundle) -> None:
    assert first.digest == second.digest
    assert {file.path: file.sha256 for file in first.manifest.files} == {
        file.path: file.sha256 for file in second.manifest.files
    }
    took, slowly = (
        [cut.piece_milliseconds for cut in one.measurements.cuts.values()] for one in (first, second)
    )
    assert sum(slowly) > 30 * sum(took)
    assert first.measurements.recipe == second.measurements.recipe


def test_nothing_measured_is_part_of_the_identity(first: Bundle) -> None:
    held = {file.path for file in first.manifest.files}
    assert not held & set(BESIDE)
    assert len(read_held_out(first).pictures) == 2
    assert {path.name for path in first.path.iterdir()} == {
        "manifest.json",
        "measurements.json",
        "report.json",
        "edge",
        "cloud",
    }
    text = (first.path / "manifest.json").read_text()
    assert not [
        word
        for word in ("milliseconds", "accuracy", "mean", "made_with")
        if f'"{word}"' in text.replace('"mean": [', "")
    ]


def test_each_says_which_bundle_its_measurements_are_of(first: Bundle, second: Bundle) -> None:
    assert first.measurements.bundle == json.loads((first.path / "report.json").read_text())["bundle"]
    shutil.copyfile(second.path / "measurements.json", first.path / "measurements.json")
    assert not Bundle.open(first.path).unmeasured, "those of a twin will do"


def test_a_bundle_that_is_there_is_reused_and_the_users_files_beside_it_stay(
    options: Options, first: Bundle, place: Path
) -> None:
    for name in ("first.parts", "first.old", "first.new"):
        (place / name).mkdir(exist_ok=True)
        (place / name / "thesis.txt").write_text("three years")
    said: list[str] = []
    assert split(options, first.path, say=said.append).digest == first.digest
    assert "reused" in said[-1]
    other = replace(options, report_pictures=3)
    with pytest.raises(BundleError, match=r"split in another way; .*--replace"):
        split(other, first.path, say=silent)
    for name in ("first.parts", "first.old", "first.new"):
        assert (place / name / "thesis.txt").read_text() == "three years"
    assert not list(place.glob("first.*.parts"))
