"""Small random checkpoints of each family, written to disk as their makers do, with the real image processors
and tokenizers.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from tokenizers.processors import TemplateProcessing
from transformers import (
    AutoModelForImageTextToText,
    AyaVisionConfig,
    BertTokenizer,
    Blip2Config,
    Blip2Processor,
    BlipConfig,
    BlipForQuestionAnswering,
    BlipProcessor,
    Gemma3Config,
    Idefics3Config,
    InternVLConfig,
    LlavaConfig,
    PaliGemmaConfig,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    Qwen2_5_VLConfig,
    Qwen2VLConfig,
    Qwen3VLConfig,
    SmolVLMConfig,
)
from transformers.models.aya_vision.processing_aya_vision import AyaVisionProcessor
from transformers.models.blip.image_processing_pil_blip import BlipImageProcessorPil
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.gemma3.image_processing_pil_gemma3 import Gemma3ImageProcessorPil
from transformers.models.gemma3.processing_gemma3 import Gemma3Processor
from transformers.models.got_ocr2.image_processing_pil_got_ocr2 import GotOcr2ImageProcessorPil
from transformers.models.idefics3.image_processing_pil_idefics3 import Idefics3ImageProcessorPil
from transformers.models.idefics3.processing_idefics3 import Idefics3Processor
from transformers.models.llava.processing_llava import LlavaProcessor
from transformers.models.paligemma.processing_paligemma import PaliGemmaProcessor
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil
from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil
from transformers.models.smolvlm.image_processing_pil_smolvlm import SmolVLMImageProcessorPil

from splitter.nano.model import config as nano_config
from splitter.nano.model import tokenizer as nano_tokenizer
from splitter.silence import silence_libraries

_TEMPLATE = (
    "{% for message in messages %}USER: {% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}IMAGE {% else %}{{ part['text'] }}{% endif %}{% endfor %} {% endfor %}"
    "{% if add_generation_prompt %}ASSISTANT:{% endif %}"
)
_VISION = {
    "hidden_size": 48,
    "intermediate_size": 96,
    "num_attention_heads": 3,
    "num_hidden_layers": 3,
    "patch_size": 14,
}
_SHALLOW = _VISION | {"num_hidden_layers": 2, "image_size": 56}
IMAGE = 4  # the token that stands for image tokens
_QWEN = {"image_token_id": IMAGE, "video_token_id": 5, "vision_start_token_id": 6, "vision_end_token_id": 7}
_END, _UNKNOWN, _A_WORD = 2, 3, 8  # BLIP's generate takes no option to put off the end of an answer
_IDS = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}


def llava_clip(folder: Path) -> None:
    """LLaVA 1.5's shape: CLIP, features of the last layer but one, class token dropped; shortest edge, then a
    crop.
    """
    vision = _VISION | {"model_type": "clip_vision_model", "image_size": 56}
    write(
        folder,
        LlavaConfig(
            vision_config=vision,
            text_config=_text("llama"),
            image_token_index=IMAGE,
            vision_feature_layer=-2,
            **_IDS,
        ),
    )
    images = CLIPImageProcessorPil(size={"shortest_edge": 56}, crop_size={"height": 56, "width": 56})
    tokenizer = _tokenizer({"image_token": "<image>"})
    options = {
        "patch_size": 14,
        "vision_feature_select_strategy": "default",
        "num_additional_image_tokens": 1,
    }
    LlavaProcessor(images, tokenizer, chat_template=_template("<image>"), **options).save_pretrained(folder)


def llava_siglip(folder: Path) -> None:
    """SigLIP, which has no class token: all positions of the last layer; an exact resize."""
    vision = _VISION | {"model_type": "siglip_vision_model", "image_size": 56}
    sizes = {"vision_feature_layer": -1, "vision_feature_select_strategy": "full"}
    write(
        folder,
        LlavaConfig(
            vision_config=vision, text_config=_text("qwen2"), image_token_index=IMAGE, **sizes, **_IDS
        ),
    )
    images = SiglipImageProcessorPil(size={"height": 56, "width": 56})
    options = {"patch_size": 14, "vision_feature_select_strategy": "full"}
    LlavaProcessor(
        images, _tokenizer({"image_token": "<image>"}), chat_template=_template("<image>"), **options
    ).save_pretrained(folder)


def internvl(folder: Path) -> None:
    """Its processor cannot be built without torchvision, for its videos: its parts are written as it would
    write them.
    """
    vision = _VISION | {
        "image_size": 56,
        "layer_scale_init_value": 0.3,
        "use_qk_norm": True,
        "norm_type": "rms_norm",
    }
    write(
        folder,
        InternVLConfig(
            vision_config=vision, text_config=_text("qwen2"), image_token_id=IMAGE, image_seq_length=4, **_IDS
        ),
    )
    GotOcr2ImageProcessorPil(size={"height": 56, "width": 56}).save_pretrained(folder)
    named = {
        "start_image_token": "<img>",
        "end_image_token": "</img>",
        "context_image_token": "<image>",
        "video_token": "<video>",
    }
    tokenizer = _tokenizer(named)
    tokenizer.chat_template = _template("<image>")
    tokenizer.save_pretrained(folder)
    (folder / "processor_config.json").write_text(
        json.dumps({"processor_class": "InternVLProcessor", "image_seq_length": 4})
    )


def aya_vision(folder: Path) -> None:
    """16 positions of SigLIP make 4 image tokens; the processor puts its own tokens around them, and takes no
    tiles here.
    """
    vision = _VISION | {"model_type": "siglip_vision_model", "image_size": 56, "vision_use_head": False}
    text = _text("cohere2") | {"vocab_size": len(nano_tokenizer()) + 16, "sliding_window": 6}
    tokenizer = _tokenizer({"image_token": "<image>"})
    tokenizer.add_tokens(
        ["<|IMG_PATCH|>", "<|START_OF_IMG|>", "<|END_OF_IMG|>", "TILE", "TILE_GLOBAL"], special_tokens=True
    )
    mark = tokenizer.convert_tokens_to_ids("<|IMG_PATCH|>")
    sizes = {"vision_feature_layer": -1, "image_token_index": mark, "tie_word_embeddings": False}
    write(
        folder, AyaVisionConfig(vision_config=vision, text_config=text, **sizes, **_IDS), never=(IMAGE, mark)
    )
    images = GotOcr2ImageProcessorPil(size={"height": 56, "width": 56}, crop_to_patches=False)
    sizes = {"patch_size": 14, "img_size": 56, "downsample_factor": 2}
    AyaVisionProcessor(images, tokenizer, chat_template=_template("<image>"), **sizes).save_pretrained(folder)


def smolvlm(folder: Path, longest: int = 56) -> None:
    """As InternVL, its processor needs packages for videos. With a longest edge above 56, pictures are cut
    into tiles of 56.
    """
    vision = (
        nano_config().to_dict()["vision_config"]
        | _VISION
        | {"image_size": 56, "model_type": "smolvlm_vision"}
    )
    write(
        folder,
        SmolVLMConfig(
            vision_config=vision, text_config=_text("llama"), scale_factor=2, image_token_id=IMAGE, **_IDS
        ),
    )
    sizes = {"size": {"longest_edge": longest}, "max_image_size": {"longest_edge": 56}}
    SmolVLMImageProcessorPil(**sizes, do_image_splitting=longest > 56).save_pretrained(folder)
    tokenizer = _tokenizer(
        {
            "image_token": "<image>",
            "fake_image_token": "<fake_token_around_image>",
            "global_image_token": "<global-img>",
        }
    )
    tokenizer.chat_template = _template("<image>")
    tokenizer.save_pretrained(folder)
    (folder / "processor_config.json").write_text(
        json.dumps({"processor_class": "SmolVLMProcessor", "image_seq_len": 4})
    )


def idefics3(folder: Path) -> None:
    """Pictures in up to 4 x 4 tiles of 56 and the whole, as its processor makes them unless told
    otherwise.
    """
    vision = nano_config().to_dict()["vision_config"] | _VISION | {"image_size": 56}
    text = _text("llama") | {"vocab_size": len(nano_tokenizer()) + 24}
    write(
        folder,
        Idefics3Config(vision_config=vision, text_config=text, scale_factor=2, image_token_id=IMAGE, **_IDS),
    )
    images = Idefics3ImageProcessorPil(size={"longest_edge": 224}, max_image_size={"longest_edge": 56})
    places = [f"<row_{row}_col_{column}>" for row in range(1, 5) for column in range(1, 5)]
    tokenizer = _tokenizer({})
    tokenizer.add_tokens(places, special_tokens=True)
    Idefics3Processor(images, tokenizer, image_seq_len=4, chat_template=_template("<image>")).save_pretrained(
        folder
    )


def paligemma(folder: Path, decoder: str = "gemma", *, tied: bool = False, **sizes: Any) -> None:
    """The first's decoder has one head of keys for all of queries. It has no chat template; its processor
    writes the prompt.
    """
    vision = _VISION | {"model_type": "siglip_vision_model", "image_size": 56, "vision_use_head": False}
    text = _text(decoder) | {"head_dim": 8, "num_key_value_heads": 1} | sizes
    widths = {"projection_dim": 32, "tie_word_embeddings": tied}
    write(
        folder,
        PaliGemmaConfig(vision_config=vision, text_config=text, image_token_index=IMAGE, **widths, **_IDS),
    )
    images = SiglipImageProcessorPil(size={"height": 56, "width": 56}, image_seq_length=16)
    PaliGemmaProcessor(images, _tokenizer({"image_token": "<image>"})).save_pretrained(folder)


def paligemma2(folder: Path) -> None:
    """Gemma 2: every other layer looks back no further than a window, shorter here than a prompt; logits are
    capped.
    """
    paligemma(folder, "gemma2", tied=True, sliding_window=8, query_pre_attn_scalar=8, num_key_value_heads=2)


def gemma3(folder: Path) -> None:
    """A window shorter than a prompt, as in use; 16 positions averaged to 4 image tokens."""
    vision = _VISION | {"model_type": "siglip_vision_model", "image_size": 56, "vision_use_head": False}
    layers = {
        "layer_types": ["sliding_attention", "full_attention"],
        "sliding_window": 6,
        "query_pre_attn_scalar": 8,
        "head_dim": 8,
    }
    sizes = {
        "text_config": _text("gemma3_text") | layers,
        "mm_tokens_per_image": 4,
        "tie_word_embeddings": False,
    }
    named = {"boi_token": "<fake_token_around_image>", "image_token": "<image>", "eoi_token": "<global-img>"}
    write(folder, Gemma3Config(vision_config=vision, image_token_index=IMAGE, **sizes, **_IDS))
    images = Gemma3ImageProcessorPil(size={"height": 56, "width": 56})
    template = _template(named["boi_token"])
    Gemma3Processor(images, _tokenizer(named), chat_template=template, image_seq_length=4).save_pretrained(
        folder
    )


def qwen2vl(folder: Path) -> None:
    """A picture is wider than high. Its processor needs packages for videos, as InternVL's."""
    vision = {
        "depth": 3,
        "embed_dim": 48,
        "num_heads": 3,
        "mlp_ratio": 2,
        "hidden_size": 32,
        "patch_size": 14,
    }
    text = _text("qwen2_vl_text") | {"rope_parameters": {"rope_type": "default", "mrope_section": [2, 1, 1]}}
    write(folder, Qwen2VLConfig(vision_config=vision, text_config=text, **_QWEN))
    _qwen(folder, "Qwen2VLProcessor", height=56, width=84)


def qwen2_5vl(folder: Path) -> None:
    """Two windows of 16 patches, next to each other; the second of three layers looks at the whole
    picture.
    """
    vision = {
        "depth": 3,
        "hidden_size": 48,
        "intermediate_size": 96,
        "num_heads": 3,
        "out_hidden_size": 32,
        "patch_size": 14,
    }
    windows = {"window_size": 56, "fullatt_block_indexes": [1]}
    text = _text("qwen2_5_vl_text") | {
        "rope_parameters": {"rope_type": "default", "mrope_section": [2, 1, 1]}
    }
    write(folder, Qwen2_5_VLConfig(vision_config=vision | windows, text_config=text, **_QWEN))
    _qwen(folder, "Qwen2_5_VLProcessor", height=56, width=112)


def blip(folder: Path) -> None:
    """A captioner: no question, no image tokens in its prompt."""
    write(folder, _blip(), never=(_END,))
    _write_blip_processor(folder)


def blip_vqa(folder: Path) -> None:
    """The other task of the same model_type: its architecture tells."""
    write(folder, _blip(), BlipForQuestionAnswering, never=(_END,))
    _write_blip_processor(folder)


def blip2_opt(folder: Path) -> None:
    """OPT's tokenizer writes a beginning token, which comes behind the picture."""
    text = {"model_type": "opt", "ffn_dim": 64, "word_embed_proj_dim": 32} | _text("opt")
    write(folder, _blip2(text))
    _write_blip2_processor(folder, "<bos> $A")


def blip2_t5(folder: Path) -> None:
    """An encoder reads picture and question, a decoder looks at both."""
    sizes = {
        "d_model": 32,
        "d_ff": 64,
        "d_kv": 8,
        "num_heads": 4,
        "num_layers": 2,
        "vocab_size": len(nano_tokenizer()) + 8,
    }
    text = {"model_type": "t5", "decoder_start_token_id": 0, "tie_word_embeddings": False} | sizes | _IDS
    write(folder, _blip2(text), never=(_END, _UNKNOWN, IMAGE))
    _write_blip2_processor(folder, "$A <eos>")


def qwen3vl(folder: Path) -> None:
    """What the first two of three vision layers see goes to the decoder's layers; learned positions of 4 x 4
    are stretched to 4 x 6.
    """
    vision = {
        "depth": 3,
        "hidden_size": 48,
        "intermediate_size": 96,
        "num_heads": 3,
        "out_hidden_size": 32,
        "patch_size": 14,
    }
    deep = {"deepstack_visual_indexes": [0, 1], "num_position_embeddings": 16}
    rotary = {
        "rope_parameters": {"rope_type": "default", "mrope_section": [2, 1, 1], "mrope_interleaved": True}
    }
    text = _text("qwen3_vl_text") | {"head_dim": 8} | rotary
    write(folder, Qwen3VLConfig(vision_config=vision | deep, text_config=text, **_QWEN))
    _qwen(folder, "Qwen3VLProcessor", height=56, width=84)


CHECKPOINTS: dict[str, Callable[[Path], None]] = {
    "llava-clip": llava_clip,
    "llava-siglip": llava_siglip,
    "internvl": internvl,
    "aya-vision": aya_vision,
    "smolvlm": smolvlm,
    "paligemma": paligemma,
    "paligemma2": paligemma2,
    "gemma3": gemma3,
    "qwen2vl": qwen2vl,
    "qwen2.5vl": qwen2_5vl,
    "qwen3vl": qwen3vl,
    "blip": blip,
    "blip-vqa": blip_vqa,
    "blip2-opt": blip2_opt,
    "blip2-t5": blip2_t5,
}


def write(folder: Path, config: Any, kind: Any = None, never: tuple[int, ...] = (IMAGE,)) -> None:
    """A random model of a configuration, its weights large enough that pictures and questions change what it
    says.

    Some tokens it never says: no model says the image token.
    """
    torch.manual_seed(0)
    with silence_libraries():
        model: PreTrainedModel = kind(config) if kind else AutoModelForImageTextToText.from_config(config)
        for name, weight in model.named_parameters():
            if weight.dim() > 1:
                torch.nn.init.normal_(weight, std=weight[0].numel() ** -0.5)
            elif "lambda" not in name and "class" not in name:
                weight.data.add_(0.1 * torch.randn(weight.shape))
        words = getattr(model, "text_decoder", model).get_output_embeddings().weight.data
        words[list(never)] = 0.5 * words[_A_WORD]  # never the best of the two
        model.save_pretrained(folder)


def _text(kind: str) -> dict[str, Any]:
    small = {
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
    }
    vocabulary = {
        "vocab_size": len(nano_tokenizer()) + 8,
        "tie_word_embeddings": False,
        "max_position_embeddings": 256,
    }
    return {"model_type": kind, **small, **vocabulary, **_IDS}


def _blip() -> BlipConfig:
    sizes = {
        "hidden_size": 48,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "max_position_embeddings": 128,
    }
    words = len(nano_tokenizer())  # the decoder's first token is none of the tokenizer's
    ids = {"bos_token_id": words + 1, "sep_token_id": _END, "pad_token_id": 0}
    return BlipConfig(vision_config=_SHALLOW, text_config=sizes | ids | {"vocab_size": words + 8})


def _write_blip_processor(folder: Path) -> None:
    named = {"pad_token": "<pad>", "cls_token": "<bos>", "sep_token": "<eos>", "unk_token": "<unk>"}
    tokenizer = BertTokenizer(vocab=nano_tokenizer().get_vocab(), **named)
    BlipProcessor(BlipImageProcessorPil(size={"height": 56, "width": 56}), tokenizer).save_pretrained(folder)


def _blip2(text: dict[str, Any]) -> Blip2Config:
    qformer = {
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "vocab_size": 16,
    }
    return Blip2Config(
        vision_config=_SHALLOW,
        qformer_config=qformer,
        text_config=text,
        num_query_tokens=5,
        image_token_index=IMAGE,
    )


def _write_blip2_processor(folder: Path, around: str) -> None:
    tokenizer = _tokenizer({})
    tokenizer._tokenizer.post_processor = TemplateProcessing(
        single=around, special_tokens=[("<bos>", 1), ("<eos>", 2)]
    )
    Blip2Processor(
        BlipImageProcessorPil(size={"height": 56, "width": 56}), tokenizer, num_query_tokens=5
    ).save_pretrained(folder)


def _qwen(folder: Path, processor: str, **size: int) -> None:
    Qwen2VLImageProcessorPil(size=size).save_pretrained(folder)
    tokenizer = _tokenizer({"image_token": "<image>", "video_token": "<fake_token_around_image>"})
    tokenizer.chat_template = _template("<global-img><image><end_of_utterance>")
    tokenizer.save_pretrained(folder)
    (folder / "processor_config.json").write_text(json.dumps({"processor_class": processor}))


def _tokenizer(named: dict[str, str]) -> PreTrainedTokenizerFast:
    """The built-in model's words, and special tokens with names, as processors ask for them."""
    core = nano_tokenizer()._tokenizer
    special = {"pad_token": "<pad>", "bos_token": "<bos>", "eos_token": "<eos>", "unk_token": "<unk>"}
    return PreTrainedTokenizerFast(
        tokenizer_object=core, padding_side="left", extra_special_tokens=named, **special
    )


def _template(image: str) -> str:
    return _TEMPLATE.replace("IMAGE", image)
