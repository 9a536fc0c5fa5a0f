import json
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

import isthmus
from bench.head.arithmetic import multiply_adds
from bench.head.measure import Ceiling, verdict
from bench.head.towers import CONFIGS, Towers
from bench.rig import child
from protos.bundle import Bundle
from protos.errors import BundleDamaged, BundleMissing, CheckpointError, IsthmusError, RequestError

FORMS = ["fp32", "int8", "chain", "torch-fp32", "torch-bf16"]


def product(left: list[int | str], right: list[int]) -> onnx.ModelProto:
    """A graph of one MatMul of two inputs."""
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        for name, shape in (("a", left), ("b", right))
    ]
    made = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    return helper.make_model(
        helper.make_graph([helper.make_node("MatMul", ["a", "b"], ["y"])], "graph", ends, [made])
    )


@pytest.mark.slow
def test_the_head_of_a_bundle_is_measured(
    bundle_path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "head.json"
    assert isthmus.main(["bench", "head", str(bundle_path), "--repetitions", "2", "--json", str(file)]) == 0
    said, figures = capsys.readouterr().out, json.loads(file.read_text())

    assert "nano: the head" in said
    assert "one session" in said
    assert [timing["name"] for timing in figures["timings"]] == FORMS
    assert [prefix["cut"] for prefix in figures["prefixes"]] == ["vision.2", "vision.4", "connector"]
    assert [kept["name"] for kept in figures["footprints"]] == ["fp32", "int8", "chain"]
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

    sizes = {kept["name"]: kept["file_bytes"] for kept in figures["footprints"]}
    assert sizes["chain"] == sum(path.stat().st_size for path in (bundle_path / "edge").glob("[0-9]*.onnx"))
    assert figures["int8_file_of_fp32"] == pytest.approx(sizes["chain"] / sizes["fp32"])
    for kept in figures["footprints"]:
        assert kept["resident_bytes"] > kept["file_bytes"] / 2
        assert kept["of_file"] == pytest.approx(kept["resident_bytes"] / kept["file_bytes"])
        assert kept["start_ms"] > 0


def test_the_arithmetic_of_the_built_in_tower_is_what_its_sizes_say(bundle: Bundle) -> None:
    patches, width, mlp, layers = 64, 192, 768, 6
    work = Towers.of(bundle.folder("cloud")).arithmetic
    projections, perceptron = 4 * width * width, 2 * width * mlp
    connector = 16 * (4 * width) * width
    assert work.weights == layers * patches * (projections + perceptron) + connector == 172_228_608
    assert work.attention == layers * 2 * patches * patches * width == 9_437_184
    assert work.other == patches * (16 * 16 * 3) * width == 9_437_184


def test_a_product_of_two_inputs_is_attention_and_a_batch_counts_once() -> None:
    work = multiply_adds(product(["2*batch", 4, 8], [8, 16]))
    assert (work.weights, work.attention, work.other) == (0, 2 * 4 * 8 * 16, 0)


@pytest.mark.parametrize("size", ["", "batch + 1"])
def test_a_shape_that_is_not_told_is_an_error(size: str) -> None:
    with pytest.raises(CheckpointError, match="does not tell the shape of 'a'"):
        multiply_adds(product([size, 8], [8, 16]))


def test_the_ceiling_of_int8_counts_attention_in_float() -> None:
    work = multiply_adds(product([1000, 1000], [1000, 1000]))
    ceiling = Ceiling(fp32_rate=1e9, int8_rate=4e9)
    assert ceiling.milliseconds("fp32", work) == ceiling.milliseconds("chain", work) == 1000
    assert ceiling.milliseconds("torch-fp32", work) is None


def test_an_int8_head_slower_than_fp32_is_said_to_be() -> None:
    assert "does not pay" not in verdict(2.0, 1.9)
    assert "FP32 is faster" in verdict(1.1, 0.9)


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
    assert isthmus.main(["bench", "head", str(tmp_path)]) == BundleMissing.exit_code


def test_a_bundle_without_its_cloud_folder_is_refused(damaged: Path) -> None:
    (damaged / "cloud" / "model.safetensors").unlink()
    assert isthmus.main(["bench", "head", str(damaged)]) == BundleDamaged.exit_code


def test_a_measuring_process_that_fails_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(IsthmusError, match="stopped with status 1"):
        list(child.said("bench.head.resident", tmp_path / "no-such.onnx", tmp_path, 1))
