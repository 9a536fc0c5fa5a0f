"""A checkpoint that is not the built-in one: other sizes, random weights, a folder of pictures to calibrate
on.
"""

import json
from pathlib import Path

import cv2
import pytest
import torch
from transformers import Idefics3ForConditionalGeneration

from protos.bundle import Bundle
from protos.measurements import FIDELITY
from splitter.nano.model import config, processor
from splitter.nano.scenes import picture
from splitter.recipe import Options
from splitter.silence import silence_libraries
from splitter.split import split

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("own") / "checkpoint"
    sizes = config()
    (
        sizes.vision_config.num_hidden_layers,
        sizes.vision_config.hidden_size,
        sizes.vision_config.intermediate_size,
    ) = 3, 96, 160
    sizes.vision_config.num_attention_heads, sizes.text_config.num_hidden_layers = 3, 2
    torch.manual_seed(0)
    with silence_libraries():
        model = Idefics3ForConditionalGeneration(sizes)
        torch.nn.init.normal_(model.model.text_model.embed_tokens.weight, std=0.5)
        model.save_pretrained(folder)
        processor().save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    for seed in range(12):
        cv2.imwrite(
            str(folder / f"{seed}.png"), cv2.resize(picture(seed).image, (160 + 8 * seed, 120))[..., ::-1]
        )
    return folder


def test_it_splits_passes_the_gate_and_reports_fidelity(
    checkpoint: Path, photos: Path, tmp_path: Path
) -> None:
    options = Options(checkpoint, cuts=("vision.1", "vision.3"), calibration=photos, with_local=True)
    with silence_libraries():
        bundle = split(options, tmp_path / "bundle", say=lambda _: None)
    assert [cut.name for cut in bundle.manifest.cuts] == ["vision.1", "vision.3", "connector"]
    report = json.loads((bundle.path / "report.json").read_text())
    assert max(report["identity"].values()) < 1e-4
    assert report["measure"] == bundle.measurements.measure == FIDELITY
    rows = {row["route"]: row for row in report["rows"]}
    assert rows["whole"]["accuracy"] == pytest.approx(100, abs=1e-3)
    assert rows["whole"]["identical"] == 100
    kept, local = rows["split@vision.3/fp16-zstd"], rows["local"]
    assert kept["accuracy"] > 98, "lossless features lose what the INT8 head loses"
    assert local["accuracy"] > 90
    assert 0 <= kept["identical"] <= 100
    assert [problem for _, problem in Bundle.open(bundle.path).verify() if problem] == []
