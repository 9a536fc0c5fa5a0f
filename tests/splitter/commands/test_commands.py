import json
from pathlib import Path

import pytest

import isthmus
from protos.errors import CheckpointError
from splitter.families import family


def test_show_prints_every_cut_and_the_rivals(bundle_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert isthmus.main(["bundle", "show", "--bundle", str(bundle_path)]) == 0
    shown = capsys.readouterr().out
    assert all(
        word in shown
        for word in (
            "vision.2",
            "vision.4",
            "connector",
            "int8-zstd",
            "jpeg quality 75",
            "webp",
            "local",
            "whole model",
            f"n = {json.loads((bundle_path / 'report.json').read_text())['questions']}",
        )
    )


def test_show_as_json_is_one_object(bundle_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert isthmus.main(["bundle", "show", "--bundle", str(bundle_path), "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert len(shown["digest"]) == 64
    assert [cut["name"] for cut in shown["manifest"]["cuts"]] == ["vision.2", "vision.4", "connector"]


def test_verify_passes_a_whole_bundle(bundle_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert isthmus.main(["bundle", "verify", "--bundle", str(bundle_path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["whole"] is True


def test_verify_names_the_file_that_was_tampered_with(
    damaged: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    piece = damaged / "edge" / "01-vision.4.onnx"
    data = bytearray(piece.read_bytes())
    data[len(data) // 2] ^= 1
    piece.unlink()
    piece.write_bytes(bytes(data))
    assert isthmus.main(["bundle", "verify", "--bundle", str(damaged)]) == 4
    said = capsys.readouterr()
    assert "edge/01-vision.4.onnx has digest" in said.err
    assert "fetch or split it again" in said.err


def test_a_folder_that_is_no_bundle_is_told_how_to_make_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert isthmus.main(["bundle", "show", "--bundle", str(tmp_path)]) == 4
    assert "isthmus split -o" in capsys.readouterr().err


def test_an_unknown_cut_is_answered_with_those_that_exist(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert isthmus.main(["split", "-o", str(tmp_path / "bundle"), "--cuts", "vision.7"]) == 3
    said = capsys.readouterr().err
    assert "did you mean vision.6" in said
    assert "vision.6, connector" in said


def test_no_cut_at_all_is_answered_with_those_that_exist(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert isthmus.main(["split", "-o", str(tmp_path / "bundle"), "--cuts", ""]) == 3
    assert "there is no cut ''; choose one of: vision.1" in capsys.readouterr().err


def test_a_folder_that_is_not_there_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert isthmus.main(["split", str(tmp_path / "nothing"), "-o", str(tmp_path / "bundle")]) == 7
    assert "there is no folder" in capsys.readouterr().err


def test_a_family_that_is_not_known_is_refused_with_those_that_are() -> None:
    with pytest.raises(CheckpointError, match="known types: idefics3"):
        family("florence2")
