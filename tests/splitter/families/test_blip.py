"""BLIP and BLIP-2: prompts as their processors make them, captions without a prompt, and what is refused."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn
from transformers import AutoProcessor, Blip2Config, Blip2Processor, BlipConfig, T5Tokenizer
from transformers.models.blip.image_processing_pil_blip import BlipImageProcessorPil

from protos.errors import CheckpointError
from splitter.decoders.local import write_local
from splitter.evaluate.verify import image_tokens
from splitter.families import family, family_of, generative, walk
from splitter.families.blip2 import Blip2
from splitter.families.causal import spoken_logits
from splitter.families.loading import Checkpoint, load_model, load_processor
from splitter.graph.export import attention
from splitter.nano.scenes import picture
from splitter.stages.limits import token_limits
from tests.splitter.families.checkpoints import IMAGE, blip, blip2_opt, blip2_t5, blip_vqa

pytestmark = pytest.mark.slow

QUESTION = "what color is the circle"


def test_a_captioner_says_what_transformers_says_without_a_prompt(tmp_path: Path) -> None:
    blip(tmp_path)
    model, kind, processor = load_model(tmp_path), generative(family("blip")), load_processor(tmp_path)
    pixels = kind.pixels(processor, [picture(5).image])
    prompt = processor.tokenizer(kind.prompt_template(model, processor), add_special_tokens=False)[
        "input_ids"
    ]
    with torch.inference_mode():
        expected = spoken_logits(model, {"pixel_values": pixels}, {"max_new_tokens": 1})
        got = kind.rows(model, [prompt], image_tokens(kind, model, pixels)).prefill()
    torch.testing.assert_close(got, expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("make", [blip_vqa, blip2_opt, blip2_t5])
def test_a_question_is_put_as_the_processor_puts_it(make: Callable[[Path], None], tmp_path: Path) -> None:
    make(tmp_path)
    model, processor = load_model(tmp_path), AutoProcessor.from_pretrained(tmp_path)
    template = generative(family_of(model.config)).prompt_template(model, processor)
    asked = QUESTION if make is blip_vqa else f"Question: {QUESTION} Answer:"
    expected = processor(images=picture(1).image, text=asked)["input_ids"]
    [filled] = processor.tokenizer([template.replace("{question}", QUESTION)], add_special_tokens=False)[
        "input_ids"
    ]
    assert filled == (expected if make is blip_vqa else expected[0])


def test_words_behind_image_tokens_are_those_of_a_text_alone_to_t5s_own_tokenizer() -> None:
    pieces = [
        ("<pad>", 0.0),
        ("</s>", 0.0),
        ("<unk>", 0.0),
        *((piece, -1.0) for piece in ("▁", "▁what", "Question", "Answer", ":", "?")),
    ]
    processor = Blip2Processor(
        BlipImageProcessorPil(), T5Tokenizer(vocab=pieces, extra_ids=0), num_query_tokens=3
    )
    template = Blip2().captioner_template(processor.tokenizer, 3 * "<image>")
    expected = processor(images=picture(1).image, text="Question: what? Answer:")["input_ids"][0]
    [filled] = processor.tokenizer([template.replace("{question}", "what?")], add_special_tokens=False)[
        "input_ids"
    ]
    assert filled == expected
    assert len(filled) > 10


@pytest.mark.parametrize(
    ("make", "keys"),
    [
        (blip, "crossattention.self.key"),
        (blip_vqa, "crossattention.self.key"),
        (blip2_t5, "EncDecAttention.k"),
    ],
)
def test_what_is_looked_at_becomes_keys_once(make: Callable[[Path], None], keys: str, tmp_path: Path) -> None:
    make(tmp_path)
    model = load_model(tmp_path)
    kind = generative(family_of(model.config))
    made: list[nn.Module] = []
    prompts = [[1, *([IMAGE] * 5 if make is blip2_t5 else []), word, 2] for word in (20, 30)]
    with torch.inference_mode():
        rows = kind.rows(model, prompts, image_tokens(kind, model, torch.randn(2, 3, 56, 56)))
        for name, module in model.named_modules():
            if name.endswith(keys):
                module.register_forward_hook(lambda layer, *_: made.append(layer))
        rows.prefill()
        rows.decode([5, 6])
        rows.keep([1])
        rows.decode([7])
    assert len(made) == len(set(made)) == 2


def test_the_language_model_of_a_blip2_can_stay_on_disk(tmp_path: Path) -> None:
    blip2_t5(tmp_path)
    checkpoint, pixels = Checkpoint(tmp_path), torch.randn(2, 3, 56, 56)
    whole, seeing = checkpoint.model(), checkpoint.model(language=False)
    assert torch.equal(
        image_tokens(checkpoint.family, seeing, pixels), image_tokens(checkpoint.family, whole, pixels)
    )
    unread = {name.partition(".")[0] for name, weight in seeing.named_parameters() if weight.is_meta}
    assert unread == {"language_model"}


@pytest.mark.parametrize("make", [blip, blip2_opt])
def test_transformers_fused_attention_can_be_chosen_for_the_tower(
    make: Callable[[Path], None], tmp_path: Path
) -> None:
    make(tmp_path)
    model = load_model(tmp_path)
    kind, pixels = family_of(model.config), torch.randn(1, 3, 56, 56)
    kinds = [type(module) for module in model.modules()]
    with torch.inference_mode():
        expected = dict(walk(kind, model, pixels))
        with attention(model, "sdpa"), torch.profiler.profile() as profile:
            got = dict(walk(kind, model, pixels))
    torch.testing.assert_close(got, expected, atol=1e-5, rtol=0)
    assert any("scaled_dot_product_attention" in event.key for event in profile.key_averages())
    assert [type(module) for module in model.modules()] == kinds


@pytest.mark.parametrize(
    ("text", "most"), [({"max_position_embeddings": 128}, 64), ({"max_position_embeddings": 4096}, 1024)]
)
def test_a_prompt_may_be_as_long_as_the_positions_reach(text: dict[str, int], most: int) -> None:
    assert token_limits(BlipConfig(text_config=text)).max_prompt_tokens == most


def test_a_language_model_without_an_end_of_positions_takes_any_prompt() -> None:
    assert token_limits(Blip2Config(text_config={"model_type": "t5"})).max_prompt_tokens == 1024


@pytest.mark.parametrize("architecture", ["BlipForImageTextRetrieval", "Blip2ForImageTextRetrieval"])
def test_retrieval_is_another_task_and_refused(architecture: str) -> None:
    config: Any = SimpleNamespace(model_type="blip", architectures=[architecture])
    with pytest.raises(CheckpointError, match="retrieval' cannot be split yet; known types"):
        family_of(config)


def test_a_blip2_whose_picture_has_no_token_is_refused_with_what_to_do() -> None:
    model: Any = SimpleNamespace(config=Blip2Config())
    with pytest.raises(CheckpointError, match="has no image_token_index; give <image> an id"):
        Blip2().image_token(model)


@pytest.mark.parametrize("make", [blip, blip_vqa, blip2_opt, blip2_t5])
def test_their_decoders_cannot_answer_on_the_device(make: Callable[[Path], None], tmp_path: Path) -> None:
    make(tmp_path)
    model = load_model(tmp_path)
    with pytest.raises(CheckpointError, match="cannot answer on the device yet"):
        write_local(family_of(model.config), model, tmp_path)
