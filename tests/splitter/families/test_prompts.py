"""The template in a bundle makes the very tokens that the family's own processor makes."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from tokenizers import processors as after
from transformers import AutoProcessor, LlavaProcessor, PreTrainedModel
from transformers.models.internvl.processing_internvl import InternVLProcessor
from transformers.models.qwen2_vl.processing_qwen2_vl import Qwen2VLProcessor
from transformers.models.smolvlm.processing_smolvlm import SmolVLMProcessor

from splitter.families import family, generative
from splitter.families.forward import Forward
from splitter.families.loading import load_model, load_processor
from splitter.families.processors import Pair
from splitter.nano.scenes import picture
from tests.splitter.families.checkpoints import (
    aya_vision,
    gemma3,
    internvl,
    llava_clip,
    llava_siglip,
    paligemma,
    qwen2vl,
    smolvlm,
)

QUESTION = "what color is the circle"


def template(folder: Path) -> str:
    model = load_model(folder)
    return generative(family(model.config.model_type)).prompt_template(model, load_processor(folder))


@pytest.mark.parametrize(
    ("make", "options"), [(llava_clip, {}), (llava_siglip, {}), (aya_vision, {"crop_to_patches": False})]
)
def test_llavas_and_aya_visions_are_those_of_their_processors(
    make: Any, options: dict[str, bool], tmp_path: Path
) -> None:
    make(tmp_path)
    processor: LlavaProcessor = AutoProcessor.from_pretrained(tmp_path)
    content = [{"type": "image"}, {"type": "text", "text": QUESTION}]
    text = processor.apply_chat_template([{"role": "user", "content": content}], add_generation_prompt=True)
    expected = processor(images=picture(1).image, text=text, **options)["input_ids"][0]
    filled = template(tmp_path).replace("{question}", QUESTION)
    assert processor.tokenizer(filled, add_special_tokens=False)["input_ids"] == list(expected)


def test_a_beginning_that_the_tokenizer_adds_is_written_out(tmp_path: Path) -> None:
    llava_clip(tmp_path)
    processor = AutoProcessor.from_pretrained(tmp_path)
    core = processor.tokenizer._tokenizer
    core.post_processor = after.TemplateProcessing(single="<bos> $A", special_tokens=[("<bos>", 1)])
    processor.save_pretrained(tmp_path)
    filled = template(tmp_path)
    assert filled.startswith("<bos>USER: <image>")
    assert (
        processor.tokenizer(filled, add_special_tokens=False)["input_ids"]
        == processor.tokenizer(filled[5:])["input_ids"]
    )


def test_internvls_picture_is_what_its_processor_writes(tmp_path: Path) -> None:
    internvl(tmp_path)
    named = SimpleNamespace(
        start_image_token="<img>", end_image_token="</img>", image_token="<image>", image_seq_length=4
    )
    written = InternVLProcessor.replace_image_token(named, {"num_patches": [1]}, 0)
    assert template(tmp_path) == f"USER: {written} {{question}} ASSISTANT:"


def test_smolvlms_picture_is_what_its_processor_writes(tmp_path: Path) -> None:
    smolvlm(tmp_path)
    named = {
        "fake_image_token": "<fake_token_around_image>",
        "global_image_token": "<global-img>",
        "image_token": "<image>",
    }
    written = SmolVLMProcessor.replace_image_token(
        SimpleNamespace(**named, image_seq_len=4), {"rows": [[0]], "cols": [[0]]}, 0
    )
    assert template(tmp_path) == f"USER: {written} {{question}} ASSISTANT:"


def test_paligemmas_is_that_of_its_processor(tmp_path: Path) -> None:
    paligemma(tmp_path)
    made = AutoProcessor.from_pretrained(tmp_path)(images=picture(1).image, text=f"<image>{QUESTION}")
    check_prompt(tmp_path, made)


def test_gemmas_is_that_of_its_processor(tmp_path: Path) -> None:
    gemma3(tmp_path)
    processor = AutoProcessor.from_pretrained(tmp_path)
    content = [{"type": "image"}, {"type": "text", "text": QUESTION}]
    text = processor.apply_chat_template([{"role": "user", "content": content}], add_generation_prompt=True)
    check_prompt(tmp_path, processor(images=picture(1).image, text=text))


def check_prompt(folder: Path, made: Any) -> None:
    """The processor's ids, and its mark of which are read both ways."""
    model: PreTrainedModel = load_model(folder)
    filled = template(folder).replace("{question}", QUESTION)
    ids = torch.tensor(load_processor(folder).tokenizer([filled], add_special_tokens=False)["input_ids"])
    assert ids.tolist() == made["input_ids"]
    speaks = family(model.config.model_type)
    assert isinstance(speaks, Forward)
    assert speaks.types(model, ids)["token_type_ids"].tolist() == made["token_type_ids"]


def test_qwens_picture_is_what_its_processor_writes(tmp_path: Path) -> None:
    qwen2vl(tmp_path)
    named = SimpleNamespace(image_token="<image>", image_processor=load_processor(tmp_path).image_processor)
    written = Qwen2VLProcessor.replace_image_token(named, {"image_grid_thw": torch.tensor([[1, 4, 6]])}, 0)
    assert template(tmp_path) == f"USER: <global-img>{written}<end_of_utterance> {{question}} ASSISTANT:"


def test_an_older_chat_template_file_is_read_too(tmp_path: Path) -> None:
    smolvlm(tmp_path)
    wanted = template(tmp_path)
    (tmp_path / "chat_template.json").write_text(
        json.dumps({"chat_template": (tmp_path / "chat_template.jinja").read_text()})
    )
    (tmp_path / "chat_template.jinja").unlink()
    assert template(tmp_path) == wanted


def test_a_checkpoint_without_a_chat_template_is_a_captioner(tmp_path: Path) -> None:
    internvl(tmp_path)
    (tmp_path / "chat_template.jinja").unlink()
    (tmp_path / "processor_config.json").unlink()
    assert isinstance(load_processor(tmp_path), Pair)
    assert template(tmp_path) == "<img><image><image><image><image></img><bos>"
