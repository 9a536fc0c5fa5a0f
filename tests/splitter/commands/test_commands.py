import json
from pathlib import Path

import pytest

import isthmus
from protos.bundle import Bundle
from protos.errors import CheckpointError
from splitter.families import family
from splitter.storage import hub
from splitter.storage.parts import Parts


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
            "upload@jpeg-",
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
    assert f"split it again: isthmus split -o {damaged} --replace" in said.err.replace("\n", "")


@pytest.mark.parametrize(
    "text",
    ["{", "{}", '{"bundle": "%s", "accuracy": "NaN"}', '{"bundle": "%s", "mean_tiles": 1}', "x" * (5 << 20)],
)
def test_verify_looks_at_the_form_of_what_was_measured_and_show_goes_on_without_it(
    damaged: Path, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    digest = Bundle.open(damaged).digest
    (damaged / "measurements.json").unlink()
    (damaged / "measurements.json").write_text(text.replace("%s", digest))
    assert isthmus.main(["bundle", "verify", "--bundle", str(damaged)]) == 4
    assert "measurements.json cannot be used" in capsys.readouterr().err
    assert isthmus.main(["bundle", "show", "--bundle", str(damaged)]) == 0
    assert "measurements.json cannot be used" in capsys.readouterr().out
    assert isthmus.main(["plan", "--bundle", str(damaged)]) == 4
    assert "copy it from where the bundle was split" in capsys.readouterr().err


def test_what_was_measured_may_be_absent_as_on_a_device(
    damaged: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("measurements.json", "report.json"):
        (damaged / name).unlink()
    assert isthmus.main(["bundle", "verify", "--bundle", str(damaged), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["whole"] is True
    assert isthmus.main(["bundle", "show", "--bundle", str(damaged), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["measurements"] is None


def test_a_folder_that_is_no_bundle_is_told_what_to_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert isthmus.main(["bundle", "show", "--bundle", str(tmp_path)]) == 4
    assert "name a folder that isthmus split made" in capsys.readouterr().err


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


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--cuts", "vision.9"], "there is no cut 'vision.9'"),
        (["--codec", "fited"], "did you mean fitted"),
        (["--labels", "animals.txt"], "there is no file 'animals.txt'"),
        (["--labels", "cat,dog"], "leave out --labels"),
        (["--calibration", "nowhere"], "nowhere is no folder; calibration needs a folder with at least 8"),
        (["--quantization", "static", "--precision", "int4"], "only INT8 has activations to calibrate"),
    ],
)
def test_a_wrong_option_is_told_before_anything_is_made_or_removed(
    tmp_path: Path, words: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = Parts(tmp_path / "bundle", "a" * 64)
    kept.value("step", lambda: 1)
    before = sorted(tmp_path.rglob("*"))
    assert isthmus.main(["split", "-o", str(tmp_path / "bundle"), *words]) in {3, 7}
    assert says in capsys.readouterr().err
    assert sorted(tmp_path.rglob("*")) == before


def test_a_place_that_is_not_ours_is_told_before_a_checkpoint_is_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fetch(name: str) -> Path:
        raise AssertionError(f"{name} was fetched")

    monkeypatch.setattr(hub, "_fetch", fetch)
    (tmp_path / "thesis.txt").write_text("three years")
    assert isthmus.main(["split", "org/name", "-o", str(tmp_path)]) == 4
    assert "holds something that is not a bundle" in capsys.readouterr().err
    assert isthmus.main(["split", "org/name", "-o", str(tmp_path / "new")]) == 7
    assert "needs --calibration DIR" in capsys.readouterr().err


def test_a_folder_that_is_not_there_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert isthmus.main(["split", str(tmp_path / "nothing"), "-o", str(tmp_path / "bundle")]) == 7
    assert "there is no folder" in capsys.readouterr().err


def test_a_family_that_is_not_known_is_refused_with_those_that_are() -> None:
    with pytest.raises(CheckpointError, match="known types: idefics3"):
        family("florence2")
