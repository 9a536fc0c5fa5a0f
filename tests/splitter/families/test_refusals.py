"""Checkpoints that cannot be split yet are refused with what is in the way."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from PIL.Image import Resampling
from transformers import LlavaConfig
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.gemma3.image_processing_pil_gemma3 import Gemma3ImageProcessorPil
from transformers.models.got_ocr2.image_processing_pil_got_ocr2 import GotOcr2ImageProcessorPil
from transformers.models.llava.image_processing_pil_llava import LlavaImageProcessorPil
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

from protos import bundle_pb2 as pb
from protos.errors import CheckpointError
from splitter.families import family, feature_depth, generative
from splitter.families.loading import Checkpoint, load_model, load_processor
from splitter.families.processors import Pair
from splitter.nano.model import tokenizer
from splitter.nano.scenes import picture
from splitter.recipe import Options
from splitter.silence import silence_libraries
from splitter.split import split
from splitter.stages.load import preprocessor_of
from tests.splitter.families.checkpoints import internvl, llava_clip, qwen2vl, write


@pytest.mark.parametrize(("selected", "depth"), [(-1, 24), (-2, 23), (0, 0), (24, 24), (-25, 0)])
def test_the_tower_is_walked_as_far_as_the_layer_that_is_taken(selected: int, depth: int) -> None:
    assert feature_depth(24, selected) == depth


@pytest.mark.parametrize("selected", [25, -26])
def test_a_layer_that_is_not_there_is_refused(selected: int) -> None:
    with pytest.raises(
        CheckpointError, match=rf"vision_feature_layer is {selected}, but the vision tower has 24 layers"
    ):
        feature_depth(24, selected)


def test_several_layers_together_are_refused(tmp_path: Path, photos: Path) -> None:
    llava_clip(tmp_path / "checkpoint")
    sizes = LlavaConfig.from_pretrained(tmp_path / "checkpoint")
    sizes.vision_feature_layer = [-2, -1]
    write(tmp_path / "checkpoint", sizes)
    with silence_libraries(), pytest.raises(CheckpointError, match="only one vision_feature_layer"):
        split(Options(tmp_path / "checkpoint", calibration=photos), tmp_path / "bundle", say=lambda _: None)
    assert not (tmp_path / "bundle").exists()


def test_a_processor_that_makes_tiles_is_refused_before_anything_is_made(
    tmp_path: Path, photos: Path
) -> None:
    internvl(tmp_path / "checkpoint")
    GotOcr2ImageProcessorPil(size={"height": 56, "width": 56}, crop_to_patches=True).save_pretrained(
        tmp_path / "checkpoint"
    )
    with silence_libraries(), pytest.raises(CheckpointError, match="set crop_to_patches to false"):
        split(Options(tmp_path / "checkpoint", calibration=photos), tmp_path / "bundle", say=lambda _: None)


def test_a_processor_made_for_another_model_is_refused(tmp_path: Path) -> None:
    internvl(tmp_path / "checkpoint")
    GotOcr2ImageProcessorPil(size={"height": 28, "width": 28}).save_pretrained(tmp_path / "checkpoint")
    preprocessor = preprocessor_of(Checkpoint(tmp_path / "checkpoint"))
    with (
        silence_libraries(),
        pytest.raises(CheckpointError, match=r"makes pictures \(3, 28, 28\), the model takes \(3, 56, 56\)"),
    ):
        preprocessor.pixels([picture(1).image])


def test_an_image_token_that_the_tokenizer_lacks_is_refused(tmp_path: Path) -> None:
    llava_clip(tmp_path)
    model = load_model(tmp_path)
    model.config.image_token_id = 999_999
    with pytest.raises(CheckpointError, match="no token 999999"):
        generative(family("llava")).prompt_template(model, load_processor(tmp_path))


def test_a_tower_that_is_not_known_is_refused() -> None:
    model: Any = SimpleNamespace(config=SimpleNamespace(vision_config=SimpleNamespace(model_type="pixtral")))
    with pytest.raises(CheckpointError, match="clip_vision_model, siglip_vision_model"):
        family("llava").depth(model)


def test_a_family_that_is_not_known_is_refused_with_those_that_are() -> None:
    with pytest.raises(CheckpointError, match="known types: idefics3, smolvlm, llava, internvl, aya_vision"):
        family("mllama")


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (GotOcr2ImageProcessorPil(crop_to_patches=True), "set crop_to_patches to false"),
        (LlavaImageProcessorPil(do_pad=True), "set do_pad to false"),
        (
            Gemma3ImageProcessorPil(do_pan_and_scan=True),
            "cuts pictures into tiles, which is not supported yet; set do_pan_and_scan to false",
        ),
        (CLIPImageProcessorPil(do_resize=False), "set do_resize to true"),
        (CLIPImageProcessorPil(do_center_crop=False), "makes each picture another shape"),
        (CLIPImageProcessorPil(resample=0), r"resizes by the filter .*only 1 \(lanczos\), 2 \(bilinear\)"),
        (CLIPImageProcessorPil(resample="nearest"), r"resizes by the filter 'nearest'"),
        (CLIPImageProcessorPil(image_mean=[0.5, 0.5]), r"image_mean is .*one number, or three"),
        (CLIPImageProcessorPil(crop_size={"shortest_edge": 224}), "crop_size is .*a height and a width"),
        (CLIPImageProcessorPil(size={"shortest_edge": 256}), "make crop_size like size"),
        (
            CLIPImageProcessorPil(size={"shortest_edge": 224, "longest_edge": 448}),
            "only height and width, or shortest_edge",
        ),
    ],
)
def test_preprocessing_that_a_device_cannot_do_is_refused(images: Any, message: str) -> None:
    with pytest.raises(CheckpointError, match=message):
        family("internvl").preprocessing(Pair(images, tokenizer()))


@pytest.mark.parametrize("resample", ["bicubic", "CUBIC", 3, 3.0, Resampling.BICUBIC])
def test_a_filter_may_be_named_in_any_way(resample: Any) -> None:
    images = CLIPImageProcessorPil(resample=resample, image_mean=0.5, image_std=[0.1, 0.2, 0.3])
    steps = family("internvl").preprocessing(Pair(images, tokenizer()))
    assert steps.resizes[0].filter == pb.Resize.BICUBIC
    assert (list(steps.mean), list(steps.std)) == ([0.5] * 3, [0.1, 0.2, 0.3])


def test_pictures_of_any_size_are_refused_with_one_that_will_do(tmp_path: Path) -> None:
    qwen2vl(tmp_path)
    Qwen2VLImageProcessorPil().save_pretrained(tmp_path)
    with pytest.raises(
        CheckpointError,
        match=r'dynamic resolution.* write "size": {"height": 448, "width": 448}, or other multiples of 28',
    ):
        load_model(tmp_path)


def test_a_folder_without_an_image_processor_says_what_to_copy(tmp_path: Path) -> None:
    llava_clip(tmp_path)
    (tmp_path / "processor_config.json").unlink()
    with pytest.raises(CheckpointError, match="copy its tokenizer and processor files"):
        load_processor(tmp_path)


def test_a_chat_template_that_leaves_the_picture_out_is_refused(tmp_path: Path) -> None:
    llava_clip(tmp_path)
    (tmp_path / "chat_template.jinja").write_text("{{ messages[0]['content'][1]['text'] }}")
    model = load_model(tmp_path)
    with pytest.raises(CheckpointError, match="writes 0 times <image>"):
        generative(family("llava")).prompt_template(model, load_processor(tmp_path))
