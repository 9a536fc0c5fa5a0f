"""Pictures that a bundle brings along to be tested on: found whole, or not at all."""

from pathlib import Path

import pytest

from protos.bundle import Bundle, write_manifest
from protos.errors import BundleDamaged, RequestError
from protos.held_out import HELD_OUT, MAX_HELD_OUT_BYTES, read_held_out


def replaced(folder: Path, content: bytes) -> Bundle:
    """Another bundle, which says itself that its file is so."""
    (folder / HELD_OUT).unlink()
    (folder / HELD_OUT).write_bytes(content)
    manifest = Bundle.open(folder).manifest
    (folder / "manifest.json").unlink()
    write_manifest(folder, manifest)
    return Bundle.open(folder)


def test_a_device_has_them_each_with_a_question_and_its_answer(bundle: Bundle) -> None:
    held_out = read_held_out(bundle)
    assert HELD_OUT in {entry.path for entry in bundle.edge_files()}
    assert len(held_out.pictures) == 12
    assert all(one.file and one.question and one.answer for one in held_out.pictures)


def test_a_bundle_without_them_says_which_option_of_a_split_adds_them(damaged: Path) -> None:
    (damaged / HELD_OUT).unlink()
    manifest = Bundle.open(damaged).manifest
    (damaged / "manifest.json").unlink()
    write_manifest(damaged, manifest)
    with pytest.raises(RequestError, match="--self-test-pictures"):
        read_held_out(Bundle.open(damaged))


@pytest.mark.parametrize("content", [b"", b"\xff\xff", bytes(MAX_HELD_OUT_BYTES + 1)])
def test_a_file_of_anything_else_is_damage(damaged: Path, content: bytes) -> None:
    with pytest.raises(BundleDamaged, match=HELD_OUT):
        read_held_out(replaced(damaged, content))
