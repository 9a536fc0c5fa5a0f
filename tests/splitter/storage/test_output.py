"""The place of a bundle: only what a split wrote is ever replaced."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from protos import bundle_pb2 as pb
from protos.bundle import FORMAT, MANIFEST, Bundle, write_manifest
from protos.errors import BundleError
from protos.measurements import assumed, write_measurements
from splitter.storage import exchange as exchanging
from splitter.storage.exchange import exchange
from splitter.storage.output import check_output, made_before, put_in_place


def bundle(folder: Path, recipe: str = "a", model: str = "nano") -> Path:
    """A small one: a piece that is no piece, a manifest, measurements."""
    (folder / "edge").mkdir(parents=True)
    (folder / "edge" / "00-connector.onnx").write_text(model)
    manifest = pb.Manifest(format=FORMAT, model=model, pieces=[pb.Piece(cut="connector")])
    digest = write_manifest(folder, manifest)
    measured = assumed(digest, manifest)
    measured.recipe = recipe
    write_measurements(folder, measured, digest)
    return folder


@pytest.fixture
def output(tmp_path: Path) -> Path:
    return tmp_path / "model"


@pytest.fixture
def staging(tmp_path: Path) -> Path:
    return bundle(tmp_path / "model.parts" / "staging", "b", "newer")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def everything(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_a_new_bundle_takes_the_place_of_the_old_one_and_of_nothing_else(output: Path, staging: Path) -> None:
    bundle(output)
    for name in ("model.old", "model.new", "model.parts/backup"):
        (output.parent / name).mkdir()
        (output.parent / name / "thesis.txt").write_text("three years")
    put_in_place(staging, output)
    assert Bundle.open(output).manifest.model == "newer"
    for name in ("model.old", "model.new", "model.parts/backup"):
        assert (output.parent / name / "thesis.txt").read_text() == "three years"


@pytest.mark.parametrize("make", [lambda _: None, lambda place: place.mkdir()], ids=["nothing", "empty"])
def test_it_is_put_where_nothing_is(output: Path, staging: Path, make: Callable[[Path], None]) -> None:
    make(output)
    check_output(output)
    put_in_place(staging, output)
    assert Bundle.open(output).manifest.model == "newer"


def test_a_link_stays_and_what_it_leads_to_is_replaced(output: Path, staging: Path) -> None:
    bundle(output.parent / "disk" / "v1")
    output.symlink_to(output.parent / "disk" / "v1")
    check_output(output)
    put_in_place(staging, output)
    assert output.is_symlink()
    assert Bundle.open(output.parent / "disk" / "v1").manifest.model == "newer"


@pytest.mark.parametrize("name", ["notes.txt", "edge/mine.onnx", "photos/cat.jpg"])
def test_what_the_user_put_into_a_bundle_is_named_and_kept(output: Path, staging: Path, name: str) -> None:
    bundle(output)
    (output / name).parent.mkdir(exist_ok=True)
    (output / name).write_text("mine")
    before = everything(output)
    with pytest.raises(BundleError, match=f"holds what no split wrote: .*{name}; move that elsewhere"):
        check_output(output)
    with pytest.raises(BundleError, match=f"holds what no split wrote: .*{name}; move that elsewhere"):
        put_in_place(staging, output)
    assert everything(output) == before


def test_what_a_benchmark_measured_of_it_is_its_own(output: Path) -> None:
    bundle(output)
    (output / "leakage.json").write_text("{}")
    check_output(output)


@pytest.mark.parametrize(
    "manifest", ["{}", '{"name": "my web app", "icons": []}', "[]", "", "\xff", "[" * 9999]
)
def test_a_folder_with_another_manifest_is_no_bundle(output: Path, staging: Path, manifest: str) -> None:
    output.mkdir()
    (output / MANIFEST).write_text(manifest, encoding="latin-1")
    with pytest.raises(BundleError, match="holds something that is not a bundle"):
        check_output(output)
    with pytest.raises(BundleError, match="holds something that is not a bundle"):
        put_in_place(staging, output)
    assert names(output) == [MANIFEST]


def test_a_bundle_of_an_earlier_format_may_be_replaced(output: Path, staging: Path) -> None:
    bundle(output)
    manifest = json.loads((output / MANIFEST).read_text()) | {"format": 1}
    (output / MANIFEST).write_text(json.dumps(manifest))
    check_output(output)
    put_in_place(staging, output)
    assert Bundle.open(output).manifest.model == "newer"


def test_places_that_no_bundle_can_be_put_in_are_refused_at_once(
    output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output.write_text("a file")
    with pytest.raises(BundleError, match="is a file, a bundle is a folder; give another folder with -o"):
        check_output(output)
    with pytest.raises(BundleError, match=r"cannot be made: .*model is a file"):
        check_output(output / "inside")
    (output.parent / "here").mkdir()
    monkeypatch.chdir(output.parent / "here")
    for place in (Path(), Path(".."), output.parent):
        with pytest.raises(BundleError, match="the folder that this runs in"):
            check_output(place)
    with pytest.raises(BundleError, match="a disk is mounted"):
        check_output(Path("/proc"))


def test_a_folder_that_may_not_be_written_to_is_refused_at_once(
    output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)  # who runs as root may write everywhere
    with pytest.raises(BundleError, match="cannot be written to"):
        check_output(output)


def test_where_two_names_cannot_be_swapped_at_once_it_takes_three_steps(
    output: Path, staging: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle(output)
    monkeypatch.setattr(exchanging, "_at_once", lambda *_: False)
    exchange(staging, output)
    assert (Bundle.open(output).manifest.model, Bundle.open(staging).manifest.model) == ("newer", "nano")
    assert names(output.parent) == ["model", "model.parts"]


def test_where_the_swap_fails_the_old_bundle_stands(
    output: Path, staging: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle(output)
    monkeypatch.setattr(exchanging, "_at_once", lambda *_: False)
    with pytest.raises(OSError, match="nowhere"):
        exchange(staging.with_name("nowhere"), output)
    assert Bundle.open(output).manifest.model == "nano"
    assert names(output.parent) == ["model", "model.parts"]


def test_a_bundle_of_the_same_recipe_is_found_and_one_of_another_refused(output: Path) -> None:
    bundle(output, "a")
    found = made_before(output, "a", replace=False)
    assert found
    assert found.path == output
    assert made_before(output, "a", replace=True) is None
    with pytest.raises(BundleError, match=r"split in another way; give another folder with -o, or --replace"):
        made_before(output, "b", replace=False)


def test_a_bundle_that_is_not_whole_is_not_taken_for_made(output: Path) -> None:
    bundle(output, "a")
    (output / "edge" / "00-connector.onnx").unlink()
    with pytest.raises(BundleError, match=r"00-connector\.onnx cannot be read .* or --replace"):
        made_before(output, "a", replace=False)


def test_a_bundle_that_does_not_say_how_it_was_split_is_not_taken_for_this_one(output: Path) -> None:
    bundle(output, "a")
    (output / "measurements.json").unlink()
    with pytest.raises(BundleError, match=r"measurements\.json .*, or --replace"):
        made_before(output, "a", replace=False)
