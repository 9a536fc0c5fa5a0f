from dataclasses import replace
from pathlib import Path

import pytest

from protos.errors import CheckpointError
from splitter.families.loading import Checkpoint
from splitter.local_choice import LAYERS, LocalChoice
from splitter.nano import WEIGHTS
from splitter.recipe import Options, recipe
from splitter.silence import silence_libraries
from splitter.stages.check_local import check_agree, check_local
from tests.splitter.families.checkpoints import CHECKPOINTS

NANO = Options(WEIGHTS, with_local=True)


@pytest.fixture(scope="module")
def llava(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written("llava-clip", tmp_path_factory.mktemp("llava"))


def written(name: str, folder: Path) -> Path:
    with silence_libraries():
        CHECKPOINTS[name](folder)
    return folder


def refused(small: Path, match: str) -> None:
    with pytest.raises(CheckpointError, match=match):
        check_local(Checkpoint(WEIGHTS), replace(NANO, local=LocalChoice.parse(str(small))))


def test_another_family_with_its_own_tokenizer_may_answer(llava: Path) -> None:
    check_local(Checkpoint(WEIGHTS), replace(NANO, local=LocalChoice.parse(str(llava))))


def test_the_same_folder_twice_is_told_what_it_wants_instead() -> None:
    refused(
        WEIGHTS.parent / "weights", "--with-local, for a smaller one of it --local int4 or --local layers=N"
    )


def test_a_model_of_another_kind_is_refused(tmp_path: Path) -> None:
    refused(written("blip", tmp_path), "cannot answer on the device yet")


def test_a_checkpoint_without_its_tokenizer_is_refused(llava: Path, tmp_path: Path) -> None:
    for file in llava.iterdir():
        if "token" not in file.name:
            (tmp_path / file.name).symlink_to(file)
    refused(tmp_path, "copy its tokenizer and processor files into it")


def test_a_folder_that_is_no_checkpoint_is_refused(tmp_path: Path) -> None:
    refused(tmp_path / "nothing", "nothing")


def test_as_many_layers_as_there_are_leave_none_out() -> None:
    options = replace(NANO, local=LocalChoice(LAYERS, layers=99))
    with pytest.raises(CheckpointError, match="leaves none out; give at most layers="):
        check_local(Checkpoint(WEIGHTS), options)


def test_too_few_pictures_to_promise_anything_are_told_before_the_split() -> None:
    asked = replace(NANO, agree=0.95)
    with pytest.raises(CheckpointError, match=r"needs at least 104 held-out pictures.* there are 60"):
        check_agree(asked, 60)
    check_agree(asked, 104)
    check_agree(NANO, 1)
    with pytest.raises(CheckpointError, match="--with-local"):
        check_agree(replace(asked, with_local=False), 1000)


def test_what_the_small_model_holds_is_part_of_the_recipe_and_where_it_lies_is_not(
    llava: Path, tmp_path: Path
) -> None:
    moved = tmp_path / "moved"
    moved.mkdir()
    for file in llava.iterdir():
        (moved / file.name).write_bytes(file.read_bytes())
    one, other = (recipe(replace(NANO, local=LocalChoice.parse(str(place)))) for place in (llava, moved))
    assert one == other
    (moved / "generation_config.json").write_text("{}")
    assert recipe(replace(NANO, local=LocalChoice.parse(str(moved)))) != one
    assert recipe(NANO) != one
