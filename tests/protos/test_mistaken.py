"""Whatever is given where a bundle or a checkpoint is meant, the command that is named is right for it."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

import isthmus
from protos import bundle_pb2 as pb
from protos.bundle import FORMAT, Bundle, write_manifest
from protos.errors import BundleMissing
from protos.files import json_of


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "thing"


def bundle(folder: Path) -> None:
    (folder / "edge").mkdir(parents=True)
    (folder / "edge" / "00-connector.onnx").write_text("a piece")
    write_manifest(folder, pb.Manifest(format=FORMAT, model="SmolVLM", pieces=[pb.Piece(cut="connector")]))


def checkpoint(folder: Path) -> None:
    folder.mkdir()
    (folder / "config.json").write_text('{"model_type": "idefics3"}')


def parts(folder: Path) -> None:
    folder.mkdir()
    (folder / "isthmus.json").write_text(json_of("split", {"bundle": "model", "recipe": "ab"}))


def bundles_inside(folder: Path) -> None:
    bundle(folder / "one")
    bundle(folder / "two")


def picture(folder: Path) -> None:
    folder.write_bytes(b"\x89PNG")


def other(folder: Path) -> None:
    folder.mkdir()
    (folder / "manifest.json").write_text(json.dumps({"name": "a web app"}))


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda _: None, "there is no bundle {0}; make one with: isthmus split -o {0} (the built-in model)"),
        (checkpoint, "split it first: isthmus split {0} -o thing-bundle --calibration PICTURES"),
        (parts, "run the same isthmus split again, and name the bundle that it makes, model"),
        (bundles_inside, "{0} is not a bundle, but holds some: one, two; name one of them"),
        (picture, "{0} is a file; a bundle is a folder that isthmus split makes"),
        (Path.mkdir, "no manifest.json in it; name a folder that isthmus split made"),
    ],
)
def test_what_is_no_bundle_is_told_what_it_is(place: Path, make: Callable[[Path], None], says: str) -> None:
    make(place)
    with pytest.raises(BundleMissing) as caught:
        Bundle.open(place)
    assert says.format(place) in str(caught.value)


@pytest.mark.parametrize("part", ["edge", "edge/00-connector.onnx", "manifest.json"])
def test_a_part_of_a_bundle_leads_to_the_whole(place: Path, part: str) -> None:
    bundle(place)
    with pytest.raises(BundleMissing, match=f"is a part of the bundle {place}; name that folder"):
        Bundle.open(place / part)


@pytest.mark.parametrize(
    "command",
    [
        ["cloud", "serve"],
        ["plan"],
        ["bundle", "show"],
        ["edge", "profile"],
        ["bench", "codec", "--data", "nano"],
    ],
    ids=" ".join,
)
def test_every_command_that_takes_a_bundle_says_how_to_split_a_checkpoint(
    place: Path, command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    checkpoint(place)
    assert isthmus.main([*command, "--bundle", str(place)]) == BundleMissing.exit_code
    assert f"isthmus split {place} -o thing-bundle --calibration PICTURES" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (bundle, "{0} is a bundle of SmolVLM already; give the checkpoint that it was made of"),
        (parts, "{0} keeps the steps of a split that makes model; give the checkpoint that it is made of"),
        (picture, "{0} is a file; a checkpoint is a folder in the Hugging Face layout"),
        (lambda _: None, "there is no folder {0}"),
        (other, "{0} holds no config.json; give a folder in the Hugging Face layout"),
    ],
)
def test_what_is_no_checkpoint_is_told_what_it_is(
    place: Path, tmp_path: Path, make: Callable[[Path], None], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    make(place)
    assert isthmus.main(["split", str(place), "-o", str(tmp_path / "new")]) == 7
    assert says.format(place) in capsys.readouterr().err
    assert not list(tmp_path.glob("new*"))


def test_a_path_with_spaces_is_quoted(tmp_path: Path) -> None:
    checkpoint(tmp_path / "my model")
    with pytest.raises(BundleMissing, match=r"isthmus split '.*my model' -o 'my model-bundle'"):
        Bundle.open(tmp_path / "my model")
