"""A checkpoint of another family, size and vocabulary answers on the device, before the built-in model."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image

from edge.models.local_model import LocalModel
from edge.models.small_vision import SmallVision
from edge.requests.orchestrator import Orchestrator
from protos.arms import arms_of
from protos.arms.rules import Rules
from protos.bundle import Bundle
from protos.costs.profile import DeviceProfile
from protos.pictures.tiles import ONE_TILE
from splitter.families.loading import load_model, load_processor
from splitter.local_choice import LAYERS, LocalChoice
from splitter.nano import WEIGHTS
from splitter.nano.scenes import HELD_OUT_SEEDS, picture
from splitter.quantize.quant_format import FP32, QuantFormat
from splitter.recipe import Options
from splitter.silence import silence_libraries
from splitter.split import split
from tests.splitter.families.checkpoints import CHECKPOINTS

pytestmark = pytest.mark.slow

PICTURE, QUESTION = picture(HELD_OUT_SEEDS).image, "what is this?"
OPTIONS = Options(
    WEIGHTS,
    cuts=("connector",),
    with_local=True,
    calibration_pictures=8,
    report_pictures=2,
    codecs=("int8-zstd",),
    quant_format=QuantFormat(FP32),
)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("small") / "checkpoint"
    with silence_libraries():
        CHECKPOINTS["llava-clip"](folder)
    return folder


@pytest.fixture(scope="module")
def bundle(small: Path, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    options = replace(OPTIONS, local=LocalChoice.parse(str(small)))
    with silence_libraries():
        return split(options, tmp_path_factory.mktemp("small") / "bundle", say=lambda _: None)


def test_the_bundle_is_whole_and_says_who_answers(bundle: Bundle) -> None:
    own = bundle.manifest.local.own
    assert (own.family, own.model) == ("llava", "checkpoint")
    assert [problem for _, problem in bundle.verify() if problem] == []
    assert all(piece.path.startswith("edge/local/") for piece in own.pieces)
    assert not bundle.unmeasured
    assert own.prompt != bundle.manifest.prompt
    assert bundle.measurements.local.prefill_milliseconds > 0


def test_the_device_sees_and_answers_as_the_small_model_does(bundle: Bundle, small: Path) -> None:
    image_tokens, grid = SmallVision(bundle.device_model).see(PICTURE)
    assert grid == ONE_TILE
    own = bundle.manifest.local.own
    assert len(image_tokens) == own.prompt.image_tokens
    told = LocalModel(bundle)
    ids = told.prompts.build(QUESTION)
    with silence_libraries():
        model, processor = load_model(small), load_processor(small)
    pixels = processor.image_processor(PICTURE, return_tensors="pt")["pixel_values"]
    with torch.inference_mode():
        expected = model(input_ids=torch.tensor([ids]), pixel_values=pixels).logits[0, -1].numpy()
    logits, _ = told.step(told.embed(ids, image_tokens))
    assert abs(logits - expected).max() < 1e-3


def test_an_orchestrator_answers_by_it_without_running_the_head(bundle: Bundle) -> None:
    device = Orchestrator(bundle, None, DeviceProfile.from_bundle(bundle))
    device.prepare()
    answer = device.answer(PICTURE, QUESTION)
    assert answer.route == "local"
    assert answer.stages.get("head", 0.0) == 0.0
    image_tokens, grid = SmallVision(bundle.device_model).see(PICTURE)
    assert answer.text == "".join(LocalModel(bundle).answer(image_tokens, QUESTION, 0, grid))


def test_a_question_too_long_for_it_is_the_clouds(bundle: Bundle) -> None:
    own = bundle.manifest.local.own
    own.limits.max_question_bytes = 4
    device = Orchestrator(bundle, None, DeviceProfile.from_bundle(bundle))
    with pytest.raises(Exception, match="the device's model reads 4"):
        device.answer(PICTURE, QUESTION, Rules(route="local"))


def test_what_it_takes_counts_no_head(bundle: Bundle) -> None:
    profile = DeviceProfile.from_bundle(bundle)
    assert profile.own_vision
    assert profile.answer_ms(1, "connector", 0) == profile.answer_ms(1, None, 0) == profile.prefill_ms
    local = next(arm for arm in arms_of(bundle.manifest, bundle.measurements) if arm.name == "local")
    assert local.accuracy < 50, "random weights"


def test_the_report_has_the_curve(bundle: Bundle) -> None:
    curve = json.loads((bundle.path / "report.json").read_text())["escalation"]
    assert curve["n"] == bundle.measurements.count
    shares = [one.get("escalated", 0.0) for one in curve["cascades"]]
    assert shares == sorted(shares)
    assert all(one["accuracy_high"] >= one.get("accuracy", 0.0) for one in curve["cascades"])


def test_fewer_layers_of_the_model_itself_take_the_heads_tokens(small: Path, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    for seed in range(8):
        Image.fromarray(picture(seed).image).save(photos / f"{seed}.png")
    few = LocalChoice(LAYERS, layers=1)
    options = replace(OPTIONS, checkpoint=small, calibration=photos, local=few)
    assert load_model(small).config.text_config.num_hidden_layers == 2
    with silence_libraries():
        bundle = split(options, tmp_path / "bundle", say=lambda _: None)
    assert not bundle.manifest.local.HasField("own")
    assert bundle.manifest.local.past_shape[0] == 1
    assert Orchestrator(bundle, None, DeviceProfile.from_bundle(bundle)).answer(PICTURE, "what is it?").text
