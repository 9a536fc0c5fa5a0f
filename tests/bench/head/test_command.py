import json
from pathlib import Path

import pytest

import isthmus
from bench.head.towers import CONFIGS
from protos.bundle import Bundle
from protos.errors import BundleDamaged, BundleMissing, RequestError

FORMS = ["fp32", "int8", "chain", "torch-fp32", "torch-bf16"]


@pytest.mark.slow
def test_the_head_of_a_bundle_is_measured(
    bundle_path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "head.json"
    assert (
        isthmus.main(["bench", "head", "--bundle", str(bundle_path), "--repetitions", "2", "-o", str(file)])
        == 0
    )
    said, figures = capsys.readouterr().out, json.loads(file.read_text())

    assert "nano: the head" in said
    assert "one session" in said
    assert [timing["name"] for timing in figures["timings"]] == FORMS
    assert [prefix["cut"] for prefix in figures["prefixes"]] == ["vision.2", "vision.4", "connector"]
    assert [footprint["name"] for footprint in figures["footprints"]] == ["fp32", "int8", "chain"]
    assert figures["bundle"] == Bundle.open(bundle_path).digest
    assert (figures["setting"]["threads"], figures["setting"]["repetitions"]) == (1, 2)
    assert figures["setting"]["machine"]
    assert figures["verdict"] in said.replace("\n", " ").replace("  ", " ")

    medians = {timing["name"]: timing["median_ms"] for timing in figures["timings"]}
    assert figures["int8_speed"] == pytest.approx(medians["fp32"] / medians["int8"])
    assert figures["chain_of_one"] == pytest.approx(medians["chain"] / medians["int8"])
    for timing in figures["timings"]:
        assert 0 < timing["min_ms"] <= timing["median_ms"]
        assert timing["speed"] == pytest.approx(medians["fp32"] / timing["median_ms"])
        assert (timing["of_ceiling"] is None) == timing["name"].startswith("torch")
    shares = [prefix["share"] for prefix in figures["prefixes"]]
    assert shares == sorted(shares)
    assert shares[-1] == 1

    sizes = {footprint["name"]: footprint["file_bytes"] for footprint in figures["footprints"]}
    assert sizes["chain"] == sum(path.stat().st_size for path in (bundle_path / "edge").glob("[0-9]*.onnx"))
    assert figures["int8_file_of_fp32"] == pytest.approx(sizes["chain"] / sizes["fp32"])
    for footprint in figures["footprints"]:
        assert footprint["resident_bytes"] > footprint["file_bytes"] / 2
        assert footprint["of_file"] == pytest.approx(footprint["resident_bytes"] / footprint["file_bytes"])
        assert footprint["start_ms"] > 0


def test_a_config_that_does_not_exist_is_refused_with_those_that_do(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert isthmus.main(["bench", "head", "--config", "vit-huge"]) == RequestError.exit_code
    assert (
        "there is no config 'vit-huge'; choose one of: smolvlm-256m, vit-b16-224" in capsys.readouterr().err
    )


def test_the_help_names_every_config(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        isthmus.main(["bench", "head", "--help"])
    said = capsys.readouterr().out
    assert all(name in said for name in CONFIGS)


def test_a_folder_that_is_no_bundle_is_refused(tmp_path: Path) -> None:
    assert isthmus.main(["bench", "head", "--bundle", str(tmp_path)]) == BundleMissing.exit_code


def test_a_bundle_without_its_cloud_folder_is_refused(damaged: Path) -> None:
    (damaged / "cloud" / "model.safetensors").unlink()
    assert isthmus.main(["bench", "head", "--bundle", str(damaged)]) == BundleDamaged.exit_code
