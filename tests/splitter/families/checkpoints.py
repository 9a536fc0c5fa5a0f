"""Small random checkpoints of each family, written to disk as their makers do, with the real image processors and tokenizers."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from transformers import (
    AutoModelForImageTextToText,
    InternVLConfig,
    LlavaConfig,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    SmolVLMConfig,
)
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.got_ocr2.image_processing_pil_got_ocr2 import GotOcr2ImageProcessorPil
from transformers.models.llava.processing_llava import LlavaProcessor
from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil
from transformers.models.smolvlm.image_processing_pil_smolvlm import SmolVLMImageProcessorPil

from splitter.nano.model import config as nano_config
from splitter.nano.model import tokenizer as nano_tokenizer
from splitter.quiet import quiet

_TEMPLATE = (
    "{% for message in messages %}USER: {% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}IMAGE {% else %}{{ part['text'] }}{% endif %}{% endfor %} {% endfor %}"
    "{% if add_generation_prompt %}ASSISTANT:{% endif %}"
)
_VISION = {"hidden_size": 48, "intermediate_size": 96, "num_attention_heads": 3, "num_hidden_layers": 3, "patch_size": 14}
IMAGE = 4  # the token that stands for image tokens
_IDS = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}


def llava_clip(folder: Path) -> None:
    """LLaVA 1.5's shape: CLIP, features of the last layer but one, class token dropped; shortest edge, then a crop."""
    vision = _VISION | {"model_type": "clip_vision_model", "image_size": 56}
    write(folder, LlavaConfig(vision_config=vision, text_config=_text("llama"), image_token_index=IMAGE, vision_feature_layer=-2, **_IDS))
    images = CLIPImageProcessorPil(size={"shortest_edge": 56}, crop_size={"height": 56, "width": 56})
    tokenizer = _tokenizer({"image_token": "<image>"})
    options = {"patch_size": 14, "vision_feature_select_strategy": "default", "num_additional_image_tokens": 1}
    LlavaProcessor(images, tokenizer, chat_template=_template("<image>"), **options).save_pretrained(folder)


def llava_siglip(folder: Path) -> None:
    """SigLIP, which has no class token: all positions of the last layer; an exact resize."""
    vision = _VISION | {"model_type": "siglip_vision_model", "image_size": 56}
    sizes = {"vision_feature_layer": -1, "vision_feature_select_strategy": "full"}
    write(folder, LlavaConfig(vision_config=vision, text_config=_text("qwen2"), image_token_index=IMAGE, **sizes, **_IDS))
    images = SiglipImageProcessorPil(size={"height": 56, "width": 56})
    options = {"patch_size": 14, "vision_feature_select_strategy": "full"}
    LlavaProcessor(images, _tokenizer({"image_token": "<image>"}), chat_template=_template("<image>"), **options).save_pretrained(folder)


def internvl(folder: Path) -> None:
    """Its processor cannot be built without torchvision, for its videos: its parts are written as it would write them."""
    vision = _VISION | {"image_size": 56, "layer_scale_init_value": 0.3, "use_qk_norm": True, "norm_type": "rms_norm"}
    write(folder, InternVLConfig(vision_config=vision, text_config=_text("qwen2"), image_token_id=IMAGE, image_seq_length=4, **_IDS))
    GotOcr2ImageProcessorPil(size={"height": 56, "width": 56}).save_pretrained(folder)
    named = {"start_image_token": "<img>", "end_image_token": "</img>", "context_image_token": "<image>", "video_token": "<video>"}
    tokenizer = _tokenizer(named)
    tokenizer.chat_template = _template("<image>")
    tokenizer.save_pretrained(folder)
    (folder / "processor_config.json").write_text(json.dumps({"processor_class": "InternVLProcessor", "image_seq_length": 4}))


def smolvlm(folder: Path) -> None:
    """As InternVL, its processor needs packages for videos."""
    sizes = nano_config().to_dict()
    vision = sizes["vision_config"] | _VISION | {"image_size": 56, "model_type": "smolvlm_vision"}
    write(folder, SmolVLMConfig(vision_config=vision, text_config=_text("llama"), scale_factor=2, image_token_id=IMAGE, **_IDS))
    side = {"longest_edge": 56}
    SmolVLMImageProcessorPil(size=side, max_image_size=side, do_image_splitting=False).save_pretrained(folder)
    tokenizer = _tokenizer(
        {"image_token": "<image>", "fake_image_token": "<fake_token_around_image>", "global_image_token": "<global-img>"}
    )
    tokenizer.chat_template = _template("<image>")
    tokenizer.save_pretrained(folder)
    (folder / "processor_config.json").write_text(json.dumps({"processor_class": "SmolVLMProcessor", "image_seq_len": 4}))


CHECKPOINTS: dict[str, Callable[[Path], None]] = {
    "llava-clip": llava_clip,
    "llava-siglip": llava_siglip,
    "internvl": internvl,
    "smolvlm": smolvlm,
}


def write(folder: Path, config: Any) -> None:
    """A random model of a configuration, its weights large enough that pictures and questions change what it says."""
    torch.manual_seed(0)
    with quiet():
        model: PreTrainedModel = AutoModelForImageTextToText.from_config(config)
        for name, weight in model.named_parameters():
            if weight.dim() > 1:
                torch.nn.init.normal_(weight, std=weight[0].numel() ** -0.5)
            elif "lambda" not in name and "class" not in name:
                weight.data.add_(0.1 * torch.randn(weight.shape))
        model.lm_head.weight.data[IMAGE] = 0.5 * model.lm_head.weight.data[IMAGE - 1]  # never the best: no model says the image token
        model.save_pretrained(folder)


def _text(kind: str) -> dict[str, Any]:
    small = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2}
    vocabulary = {"vocab_size": len(nano_tokenizer()) + 8, "tie_word_embeddings": False, "max_position_embeddings": 256}
    return {"model_type": kind, **small, **vocabulary, **_IDS}


def _tokenizer(named: dict[str, str]) -> PreTrainedTokenizerFast:
    """The built-in model's words, and special tokens with names, as processors ask for them."""
    core = nano_tokenizer()._tokenizer
    special = {"pad_token": "<pad>", "bos_token": "<bos>", "eos_token": "<eos>", "unk_token": "<unk>"}
    return PreTrainedTokenizerFast(tokenizer_object=core, padding_side="left", extra_special_tokens=named, **special)


def _template(image: str) -> str:
    return _TEMPLATE.replace("IMAGE", image)
