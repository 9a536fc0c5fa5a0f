import json
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from PIL import Image
from transformers import AutoProcessor

from protos import codec as wire
from protos.bundle import Bundle
from protos.errors import BundleError, CheckpointError, UnknownName
from splitter.codecs import encoders
from splitter.evaluate.verify import ReferenceModel, identity_difference
from splitter.families import cut_names, enter, family, walk
from splitter.families.loading import load_model, load_processor
from splitter.graph.chain import Chain, open_session
from splitter.graph.cut import cut
from splitter.nano import WEIGHTS
from splitter.nano.scenes import CALIBRATION_SEEDS, picture
from splitter.recipe import Options
from splitter.split import split
from tests.splitter.runs import loaded, run_of

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]


def silent(_: str) -> None:
    pass


def test_the_report_holds_every_route_beside_pictures(bundle_path: Path) -> None:
    report = json.loads((bundle_path / "report.json").read_text())
    routes = {row["route"]: row for row in report["rows"]}
    assert {
        "whole",
        "local",
        "split@vision.2/int8-zstd",
        "split@connector/fp16-zstd",
        "upload@jpeg-95",
        "upload@webp-80",
        "upload@avif-75",
    } <= set(routes)
    assert all(set(row["by_kind"]) == set(routes["whole"]["by_kind"]) for row in routes.values())
    assert (
        routes["split@connector/int8-zstd"]["bytes_mean"] < routes["split@connector/fp16-zstd"]["bytes_mean"]
    )
    assert max(report["identity"].values()) < 1e-4
    for row in routes.values():
        assert row["low"] <= row["accuracy"] <= row["high"]
        assert row["loss"] == pytest.approx(routes["whole"]["accuracy"] - row["accuracy"])
    assert routes["whole"]["identical"] == 100 >= routes["local"]["identical"] > 0


def test_the_uploads_that_become_arms_are_few_and_a_quick_one_is_among_them(bundle: Bundle) -> None:
    arms = bundle.measurements.uploads
    assert 1 <= len(arms) <= 4
    assert "jpeg" in {arm.format for arm in arms}
    assert all(arm.encode_milliseconds > 0 for arm in arms)


def test_the_pieces_chain_to_boundaries_whose_codes_decode_near_them(bundle: Bundle) -> None:
    pieces = [onnx.load(bundle.file(piece.path)) for piece in bundle.manifest.pieces]
    processor = load_processor(WEIGHTS)
    pixels = family("idefics3").pixels(processor, [picture(CALIBRATION_SEEDS + 3).image]).numpy()
    for entry, arrays in zip(bundle.manifest.cuts, Chain(pieces).run(pixels), strict=True):
        for spec in entry.codecs:
            half = wire.receiver(spec, bundle.file)
            session = (
                open_session(bundle.file(spec.encoder).read_bytes(), threads=1) if spec.encoder else None
            )
            boundary = {
                tensor.name: arrays[f"{entry.name}/{tensor.name}"].astype(np.float32)
                for tensor in entry.boundary
            }
            codes = encoders.run(session, half, boundary)
            decoded = half.decode(half.encode({name: values[0] for name, values in codes.items()}))
            for name, values in boundary.items():
                error = np.abs(decoded[name] - values[0]).max() / np.ptp(values)
                assert error < {"fp16-zstd": 0.001, "int8-zstd": 0.005}.get(spec.name, 0.5), spec.name


def test_the_template_makes_the_processors_own_prompt(bundle: Bundle) -> None:
    processor = AutoProcessor.from_pretrained(WEIGHTS, local_files_only=True)
    question = "what color is the circle?"
    content = [{"type": "image"}, {"type": "text", "text": question}]
    text = processor.apply_chat_template(
        [{"role": "user", "content": content}], add_generation_prompt=True, tokenize=False
    )
    expected = processor(images=[picture(1).image], text=text)["input_ids"][0]
    filled = bundle.manifest.prompt.template.replace("{question}", question)
    assert processor.tokenizer(filled, add_special_tokens=False)["input_ids"] == list(expected)


def test_entering_behind_any_layer_gives_the_whole_models_image_tokens() -> None:
    model, kind = load_model(WEIGHTS), family("idefics3")
    pixels = kind.pixels(load_processor(WEIGHTS), [picture(2).image, picture(3).image])
    with torch.inference_mode():
        expected = torch.stack(list(model.model.get_image_features(pixels[:, None]).pooler_output))
        for name, boundary in walk(kind, model, pixels):
            assert torch.equal(
                enter(kind, model, name, boundary),
                dict(walk(kind, model, pixels))["connector"]["image_tokens"],
            )
        torch.testing.assert_close(
            enter(kind, model, "vision.3", dict(walk(kind, model, pixels))["vision.3"]),
            expected,
            atol=1e-5,
            rtol=0,
        )
    assert cut_names(kind, model) == [
        "vision.1",
        "vision.2",
        "vision.3",
        "vision.4",
        "vision.5",
        "vision.6",
        "connector",
    ]


def test_a_head_that_differs_does_not_pass_the_gate(tmp_path: Path) -> None:
    held, evaluation = loaded(run_of(Options(WEIGHTS, calibration_pictures=4, report_pictures=2), tmp_path))
    reference: ReferenceModel = held.generative()
    pixels = torch.from_numpy(evaluation.held_out[:1])
    boundary = dict(walk(reference.family, reference.model, pixels))["vision.4"]
    assert identity_difference(reference, "vision.4", pixels, boundary, ["describe the image."]) < 1e-4
    bent = {
        name: tensor + 0.01 * torch.randn(tensor.shape, generator=torch.Generator().manual_seed(0))
        for name, tensor in boundary.items()
    }
    with pytest.raises(CheckpointError, match=r"cut vision\.4"):
        identity_difference(reference, "vision.4", pixels, bent, ["describe the image."])


def test_a_boundary_that_leaks_is_refused() -> None:
    values = [
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1]) for name in ("pixels", "a", "b")
    ]
    nodes = [
        onnx.helper.make_node("Relu", ["pixels"], ["a"]),
        onnx.helper.make_node("Add", ["a", "pixels"], ["b"]),
    ]
    model = onnx.helper.make_model(onnx.helper.make_graph(nodes, "leak", values[:1], values[1:]))
    with pytest.raises(CheckpointError, match=r"also needs \['pixels'\]"):
        cut(model, [["a"], ["b"]])


def test_a_cut_that_does_not_exist_is_answered_with_those_that_do(tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match=r"vision\.1, vision\.2"):
        split(Options(WEIGHTS, cuts=("vision.9",)), tmp_path / "bundle", say=silent)
    assert not (tmp_path / "bundle").exists()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_no_checkpoint_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"config\.json"):
        split(Options(tmp_path), tmp_path / "bundle", say=silent)


def test_weights_in_a_pickle_are_refused(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(WEIGHTS, tmp_path / "checkpoint"))
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(CheckpointError, match="safetensors"):
        split(Options(folder), tmp_path / "bundle", say=silent)


def test_truncated_weights_are_refused(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(WEIGHTS, tmp_path / "checkpoint"))
    whole = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(CheckpointError, match="cut short"):
        split(Options(folder), tmp_path / "bundle", say=silent)


def test_a_checkpoint_of_your_own_needs_pictures(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(WEIGHTS, tmp_path / "checkpoint"))
    with pytest.raises(CheckpointError, match="--calibration DIR"):
        split(Options(folder), tmp_path / "bundle", say=silent)
    (tmp_path / "photos").mkdir()
    with pytest.raises(CheckpointError, match="at least 8"):
        split(Options(folder, calibration=tmp_path / "photos"), tmp_path / "bundle", say=silent)


def test_a_folder_with_other_things_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("keep")
    with pytest.raises(BundleError, match="not a bundle"):
        split(Options(WEIGHTS), tmp_path, say=silent)
    assert (tmp_path / "mine.txt").read_text() == "keep"


def command(output: Path, photos: Path) -> list[str]:
    return [
        sys.executable,
        "-m",
        "isthmus",
        "split",
        "-o",
        str(output),
        "--cuts",
        "vision.3",
        "--calibration",
        str(photos),
        "--report-pictures",
        "2",
        "--json",
    ]


def test_an_interrupted_split_leaves_no_bundle_and_goes_on_where_it_stopped(tmp_path: Path) -> None:
    output, photos = tmp_path / "bundle", tmp_path / "photos"
    photos.mkdir()
    for seed in range(8):
        Image.fromarray(picture(seed).image).save(photos / f"{seed}.png")
    process = subprocess.Popen(command(output, photos), cwd=ROOT, stderr=subprocess.PIPE, text=True)
    while not list(tmp_path.glob("bundle.*.parts/tower-fp32.onnx")) and process.poll() is None:
        time.sleep(0.02)
    while process.poll() is None:  # Python loses a signal that comes while it finalises an object
        process.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            process.wait(60)
    _, said = process.communicate()
    assert process.returncode == 130, said
    assert "goes on from there" in said.replace("\n", " ")
    assert not output.exists()
    (tower,) = tmp_path.glob("bundle.*.parts/tower-fp32.onnx")
    made = tower.stat().st_mtime_ns
    os.utime(tower, ns=(made, made - 1))
    kept = tower.stat().st_mtime_ns
    link = tmp_path / "kept.onnx"
    os.link(tower, link)

    finished = subprocess.run(command(output, photos), cwd=ROOT, capture_output=True, text=True, check=True)
    assert link.stat().st_mtime_ns == kept
    assert link.stat().st_nlink == 1, "the finished step was reused and then thrown away with the rest"
    shown = json.loads(finished.stdout)
    assert [entry["name"] for entry in shown["manifest"]["cuts"]] == ["vision.3", "connector"]
    assert not tower.parent.exists()

    again = subprocess.run(command(output, photos), cwd=ROOT, capture_output=True, text=True, check=True)
    assert "reused" in again.stderr
    assert json.loads(again.stdout)["digest"] == shown["digest"]
