import shutil
from pathlib import Path

import numpy as np
import pytest

from edge.models.head import Head, HeadOutput
from edge.pictures.preprocess import Pixels, Preprocessor
from protos.bundle import Bundle
from protos.errors import BundleDamaged, RequestError, UnknownName
from tests.edge.pictures.picture_files import scene


@pytest.fixture(scope="module")
def bundle(bundle_path: Path) -> Bundle:
    return Bundle.open(bundle_path)


@pytest.fixture(scope="module")
def head(bundle: Bundle) -> Head:
    return Head(bundle)


@pytest.fixture(scope="module")
def pixels(bundle: Bundle) -> Pixels:
    preprocessor = Preprocessor(bundle.manifest.preprocessing)
    return preprocessor.pixels(preprocessor.resize(scene(300, 400)))


def test_a_cut_is_reached_with_its_boundary(head: Head, pixels: Pixels) -> None:
    reached = head.run(pixels, "vision.2")

    assert reached.cut == "vision.2"
    assert reached.boundary["hidden"].shape == (1, 64, 192)
    assert reached.boundary["hidden"].dtype == np.float32


def test_the_connector_gives_the_image_tokens(head: Head, pixels: Pixels) -> None:
    assert head.run(pixels, "connector").boundary["image_tokens"].shape == (1, 16, 192)


def test_only_the_pieces_on_the_way_are_run_and_timed(head: Head, pixels: Pixels) -> None:
    reached = head.run(pixels, "vision.4")

    assert list(reached.milliseconds) == ["vision.2", "vision.4"]
    assert all(milliseconds > 0 for milliseconds in reached.milliseconds.values())


def test_going_on_from_a_cut_repeats_nothing_and_changes_nothing(head: Head, pixels: Pixels) -> None:
    halfway = head.run(pixels, "vision.2")

    further = head.run(pixels, "connector", after=halfway)

    assert list(further.milliseconds) == ["vision.4", "connector"]
    _same(further, head.run(pixels, "connector"))


def test_what_is_reached_already_is_not_run_again(head: Head, pixels: Pixels) -> None:
    reached = head.run(pixels, "vision.2")

    assert head.run(pixels, "vision.2", after=reached) is reached


def test_a_cut_before_the_one_reached_starts_from_the_pixels(head: Head, pixels: Pixels) -> None:
    reached = head.run(pixels, "connector")

    _same(head.run(pixels, "vision.2", after=reached), head.run(pixels, "vision.2"))


def test_pixels_of_another_shape_are_refused_with_the_shape_that_fits(head: Head) -> None:
    with pytest.raises(RequestError, match="3x128x128"):
        head.run(np.zeros((1, 3, 64, 64), np.float32), "vision.2")


def test_an_unknown_cut_names_those_that_there_are(head: Head, pixels: Pixels) -> None:
    with pytest.raises(UnknownName, match=r"vision\.2, vision\.4, connector"):
        head.run(pixels, "vision.3")


def test_a_tampered_piece_is_never_loaded(bundle_path: Path, pixels: Pixels, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(bundle_path, tmp_path / "bundle"))
    bundle = Bundle.open(copy)
    piece = copy / bundle.manifest.pieces[1].path
    content = bytearray(piece.read_bytes())
    content[len(content) // 2] ^= 1
    piece.write_bytes(content)
    head = Head(bundle)

    head.run(pixels, "vision.2")
    with pytest.raises(BundleDamaged, match="digest"):
        head.run(pixels, "vision.4")


def test_a_graph_that_is_not_what_the_manifest_says_is_refused(bundle_path: Path, pixels: Pixels) -> None:
    bundle = Bundle.open(bundle_path)
    bundle.manifest.pieces[0].path = bundle.manifest.pieces[1].path

    with pytest.raises(BundleDamaged, match=r"disagree about .*pixels"):
        Head(bundle).run(pixels, "vision.2")


def _same(one: HeadOutput, other: HeadOutput) -> None:
    assert one.cut == other.cut
    assert all(np.array_equal(one.boundary[name], other.boundary[name]) for name in other.boundary)


def test_tiles_reach_a_cut_as_each_does_alone(head: Head, pixels: Pixels) -> None:
    tiles = np.concatenate([pixels, -pixels, 0.5 * pixels])

    together = head.run(tiles, "connector", after=head.run(tiles, "vision.2"))

    for tile, boundary in enumerate(together.boundary["image_tokens"]):
        np.testing.assert_array_equal(
            boundary, head.run(tiles[tile : tile + 1], "connector").boundary["image_tokens"][0]
        )
