import json
import shutil
from pathlib import Path

import pytest

from protos import bundle_pb2 as pb
from protos.bundle import FORMAT, MANIFEST, Bundle, write_manifest
from protos.errors import BundleDamaged, BundleTooNew, BundleTooOld, UnknownName


def rewrite(path: Path, data: bytes) -> None:
    path.unlink()
    path.write_bytes(data)


def test_a_bundle_is_known_by_the_digest_of_its_manifest(bundle_path: Path) -> None:
    import hashlib

    assert (
        Bundle.open(bundle_path).digest == hashlib.sha256((bundle_path / MANIFEST).read_bytes()).hexdigest()
    )


def test_every_file_of_a_fresh_bundle_verifies(bundle: Bundle) -> None:
    assert [problem for _, problem in bundle.verify() if problem] == []


def test_a_truncated_piece_is_named(damaged: Path) -> None:
    piece = next((damaged / "edge").glob("*.onnx"))
    rewrite(piece, piece.read_bytes()[:-1])
    with pytest.raises(BundleDamaged, match=f"{piece.name} has .* bytes, the manifest says"):
        Bundle.open(damaged).file(f"edge/{piece.name}")


def test_a_tampered_piece_is_named(damaged: Path) -> None:
    piece = next((damaged / "edge").glob("*.onnx"))
    rewrite(piece, piece.read_bytes()[:-1] + b"\x00")
    with pytest.raises(BundleDamaged, match="digest"):
        Bundle.open(damaged).file(f"edge/{piece.name}")


def test_a_missing_file_is_named(damaged: Path) -> None:
    (damaged / "cloud" / "config.json").unlink()
    with pytest.raises(BundleDamaged, match=r"cloud/config\.json cannot be read"):
        Bundle.open(damaged).folder("cloud")


def test_a_later_format_is_refused_with_what_to_do(damaged: Path) -> None:
    manifest = json.loads((damaged / MANIFEST).read_text()) | {"format": FORMAT + 1, "invented_later": [1]}
    rewrite(damaged / MANIFEST, json.dumps(manifest).encode())
    with pytest.raises(BundleTooNew, match="upgrade isthmus"):
        Bundle.open(damaged)


@pytest.mark.parametrize(
    ("model", "command"),
    [
        ("nano", "isthmus split -o {} --replace"),
        ("SmolVLM", "isthmus split CHECKPOINT -o {} --calibration PICTURES --replace"),
        ("org/SmolVLM", "isthmus split org/SmolVLM -o {} --calibration PICTURES --replace"),
    ],
)
def test_an_earlier_format_is_to_be_split_again(damaged: Path, model: str, command: str) -> None:
    manifest = json.loads((damaged / MANIFEST).read_text()) | {"format": FORMAT - 1, "model": model}
    rewrite(damaged / MANIFEST, json.dumps(manifest).encode())
    with pytest.raises(BundleTooOld) as caught:
        Bundle.open(damaged)
    assert str(caught.value).endswith(f"split the model again: {command.format(damaged)}")


@pytest.mark.parametrize(
    ("half", "says"),
    [("cloud", "this copy has no cloud/, as on a device"), ("edge", "which the device needs")],
)
def test_a_copy_that_lacks_a_half_says_where_to_get_it(damaged: Path, half: str, says: str) -> None:
    shutil.rmtree(damaged / half)
    with pytest.raises(BundleDamaged, match=says):
        Bundle.open(damaged).folder(half)


@pytest.mark.parametrize("text", [b"", b"not json", b"[]", b"{}", b'{"format": "x"}', b"\xff\xfe"])
def test_a_broken_manifest_is_refused(damaged: Path, text: bytes) -> None:
    rewrite(damaged / MANIFEST, text)
    with pytest.raises(BundleDamaged):
        Bundle.open(damaged)


@pytest.mark.parametrize("path", ["/etc/passwd", "../outside", "edge/../../outside", "edge\\..\\outside"])
def test_a_manifest_may_not_name_files_outside(damaged: Path, path: str) -> None:
    manifest = json.loads((damaged / MANIFEST).read_text())
    manifest["files"][0]["path"] = path
    rewrite(damaged / MANIFEST, json.dumps(manifest).encode())
    with pytest.raises(BundleDamaged, match="outside the bundle"):
        Bundle.open(damaged)


def test_unknown_cuts_and_codecs_are_answered_with_those_that_exist(bundle: Bundle) -> None:
    with pytest.raises(UnknownName, match=r"vision\.2, vision\.4, connector"):
        bundle.cut("vision.3")
    with pytest.raises(UnknownName, match="int8-zstd, fp16-zstd"):
        bundle.codec("connector", "ans")


def test_pieces_lead_to_a_cut(bundle: Bundle) -> None:
    assert [piece.cut for piece in bundle.pieces_to("vision.4")] == ["vision.2", "vision.4"]


def test_a_manifest_that_is_written_stays_as_it_is(tmp_path: Path) -> None:
    manifest = pb.Manifest(
        format=FORMAT, pieces=[pb.Piece(cut="connector")], files=[pb.File(path="edge/gone.onnx")]
    )
    write_manifest(tmp_path, manifest)
    assert [file.path for file in manifest.files] == ["edge/gone.onnx"]
    assert not Bundle.open(tmp_path).manifest.files
