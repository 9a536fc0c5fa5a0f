"""Small random dual encoders, written to disk as their makers do, with the real image processors, and
tokenizers built offline.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import (
    AutoModel,
    CLIPConfig,
    CLIPTokenizer,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    SiglipConfig,
)
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.clip.processing_clip import CLIPProcessor
from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil
from transformers.models.siglip.processing_siglip import SiglipProcessor

from splitter.silence import silence_libraries

_WIDTH = 48
_VISION = {
    "hidden_size": _WIDTH,
    "intermediate_size": 96,
    "num_attention_heads": 3,
    "num_hidden_layers": 2,
    "patch_size": 14,
    "image_size": 56,
}
_TEXT = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}


def clip(folder: Path) -> None:
    """The class token's embedding, projected; shortest edge, then a crop."""
    tokenizer = _clip_tokenizer()
    ids = {"bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id}
    text = _TEXT | {"vocab_size": len(tokenizer), "max_position_embeddings": 77} | ids
    write(folder, CLIPConfig(text_config=text, vision_config=_VISION, projection_dim=24))
    images = CLIPImageProcessorPil(size={"shortest_edge": 56}, crop_size={"height": 56, "width": 56})
    CLIPProcessor(images, tokenizer).save_pretrained(folder)


def siglip(folder: Path) -> None:
    """An attention-pooling head over all positions; texts are padded, and the last position is the
    embedding.
    """
    tokenizer = _siglip_tokenizer()
    ids = {
        "bos_token_id": None,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
    text = (
        _TEXT | {"vocab_size": len(tokenizer), "max_position_embeddings": 64, "projection_size": _WIDTH} | ids
    )
    write(folder, SiglipConfig(text_config=text, vision_config=_VISION))
    SiglipProcessor(SiglipImageProcessorPil(size={"height": 56, "width": 56}), tokenizer).save_pretrained(
        folder
    )


DUAL_CHECKPOINTS: dict[str, Callable[[Path], None]] = {"clip": clip, "siglip": siglip}


def write(folder: Path, config: Any) -> None:
    """A random model of a configuration, its weights large enough that pictures and texts lie apart."""
    torch.manual_seed(0)
    with silence_libraries():
        model: PreTrainedModel = AutoModel.from_config(config)
        for name, weight in model.named_parameters():
            if "token_embedding" in name:
                torch.nn.init.normal_(weight, std=2)
            elif weight.dim() > 1:
                torch.nn.init.normal_(weight, std=2 * weight[0].numel() ** -0.5)
        model.save_pretrained(folder)


def _clip_tokenizer() -> CLIPTokenizer:
    """CLIP's own, with a vocabulary of bytes and a few merges."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    merges = [("p", "h"), ("ph", "o"), ("c", "a"), ("ca", "t</w>"), ("o", "f</w>")]
    pieces = [*letters, *(f"{letter}</w>" for letter in letters), *("".join(pair) for pair in merges)]
    pieces += ["<|startoftext|>", "<|endoftext|>"]
    return CLIPTokenizer(
        vocab={piece: place for place, piece in enumerate(pieces)}, merges=merges, model_max_length=77
    )


def _siglip_tokenizer() -> PreTrainedTokenizerFast:
    """As the tokenizer.json of SigLIP's makers: lower case, no punctuation, one space, pieces, an end; the
    end pads too.
    """
    words = ["▁photo", "▁of", "▁a", "▁cat", "▁dog", "▁this", "▁is"]
    pieces = [("</s>", 0.0), ("<unk>", 0.0), ("▁", -4.0), *((word, -2.0) for word in words)]
    pieces += [(chr(letter), -6.0) for letter in range(ord("a"), ord("z") + 1)]
    core = Tokenizer(models.Unigram(pieces, unk_id=1))
    punctuation = Regex(r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~]")
    steps = [
        normalizers.Lowercase(),
        normalizers.Replace(punctuation, ""),
        normalizers.Replace(Regex(r"\s+"), " "),
        normalizers.Strip(),
    ]
    core.normalizer = normalizers.Sequence(steps)
    core.pre_tokenizer = pre_tokenizers.Metaspace()
    core.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 0)])
    return PreTrainedTokenizerFast(
        tokenizer_object=core, eos_token="</s>", pad_token="</s>", unk_token="<unk>", model_max_length=64
    )
