"""Random checkpoints of true size, sharded FP16 safetensors, written tensor by tensor without ever being a
model in memory.
"""

import json
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from transformers import AutoModelForImageTextToText, LlavaConfig, LlavaProcessor, PreTrainedTokenizerFast
from transformers.core_model_loading import revert_weight_conversion
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

from protos.errors import UnknownName
from splitter.families.files.checkpoint import INDEX
from splitter.nano.model import tokenizer as nano_tokenizer
from splitter.nano.scenes import picture
from splitter.storage.tail import header

_SHARD_BYTES = 5_000_000_000
_HALF_BYTES = 2
_BLOCK = 1 << 22  # numbers
_PATCH, _VISION_HEAD, _HEAD = 14, 64, 128
_SIDE = 336  # of the pictures, whatever the model makes of them
_IMAGE = 4  # the token that stands for image tokens
_TEMPLATE = (
    "{% for message in messages %}USER: {% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}<image> {% else %}{{ part['text'] }}{% endif %}{% endfor %} {% endfor %}"
    "{% if add_generation_prompt %}ASSISTANT:{% endif %}"
)


@dataclass(frozen=True)
class Sizes:
    """Of a LLaVA: pixels along an edge, width and layers of its tower, and width, MLP and layers of its
    language model.
    """

    side: int
    vision_width: int
    vision_layers: int
    width: int
    mlp: int
    layers: int


CONFIGS = {"llava-7b": Sizes(336, 1024, 24, 4096, 11008, 32), "llava-tiny": Sizes(56, 64, 3, 128, 256, 2)}


def write(name: str, folder: Path, advance: Callable[[int, int], None]) -> None:
    """LLaVA 1.5's layout, a CLIP tower and a Llama; the tokenizer is the built-in model's. Raises
    UnknownName.

    `advance` is told of bytes written, of how many.
    """
    if name not in CONFIGS:
        raise UnknownName("config", name, list(CONFIGS))
    folder.mkdir(parents=True)
    config = _config(CONFIGS[name])
    with torch.device("meta"):
        model = AutoModelForImageTextToText.from_config(config)
    shapes = {
        key: tuple(value.shape) for key, value in revert_weight_conversion(model, model.state_dict()).items()
    }
    _write_shards(shapes, folder, advance)
    config.save_pretrained(folder)
    model.generation_config.save_pretrained(folder)
    _processor(CONFIGS[name].side).save_pretrained(folder)


def write_pictures(folder: Path, count: int) -> None:
    """Scenes to calibrate and measure on."""
    folder.mkdir(parents=True)
    for seed in range(count):
        Image.fromarray(picture(seed).image).resize((_SIDE, _SIDE)).save(folder / f"{seed:03d}.png")


def _config(sizes: Sizes) -> LlavaConfig:
    vision: dict[str, Any] = {
        "model_type": "clip_vision_model",
        "image_size": sizes.side,
        "patch_size": _PATCH,
    }
    vision |= {
        "hidden_size": sizes.vision_width,
        "intermediate_size": 4 * sizes.vision_width,
        "num_hidden_layers": sizes.vision_layers,
    }
    vision |= {"num_attention_heads": sizes.vision_width // _VISION_HEAD, "projection_dim": 768}
    heads = sizes.width // _HEAD
    text = {
        "model_type": "llama",
        "hidden_size": sizes.width,
        "intermediate_size": sizes.mlp,
        "vocab_size": 32064,
    }
    text |= {"num_hidden_layers": sizes.layers, "num_attention_heads": heads, "num_key_value_heads": heads}
    ids = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
    return LlavaConfig(
        vision_config=vision, text_config=text | ids, image_token_index=_IMAGE, vision_feature_layer=-2, **ids
    )


def _processor(side: int) -> LlavaProcessor:
    images = CLIPImageProcessorPil(size={"shortest_edge": side}, crop_size={"height": side, "width": side})
    special = {"pad_token": "<pad>", "bos_token": "<bos>", "eos_token": "<eos>", "unk_token": "<unk>"}
    core = nano_tokenizer()._tokenizer  # noqa: SLF001 - transformers has no public name for it
    words = PreTrainedTokenizerFast(
        tokenizer_object=core, extra_special_tokens={"image_token": "<image>"}, **special
    )
    options = {
        "patch_size": _PATCH,
        "vision_feature_select_strategy": "default",
        "num_additional_image_tokens": 1,
    }
    return LlavaProcessor(images, words, chat_template=_TEMPLATE, **options)


def _write_shards(
    shapes: dict[str, tuple[int, ...]], folder: Path, advance: Callable[[int, int], None]
) -> None:
    shards = list(_shards(shapes))
    total, done = _bytes(shapes), 0
    places: dict[str, str] = {}
    for number, shard in enumerate(shards, 1):
        name = f"model-{number:05d}-of-{len(shards):05d}.safetensors"
        places |= dict.fromkeys(shard, name)
        with (folder / name).open("wb") as stream:
            stream.write(
                header((key, "F16", shape, int(np.prod(shape)) * _HALF_BYTES) for key, shape in shard.items())
            )
            for key, shape in shard.items():
                for block in _numbers(key, shape):
                    stream.write(block.tobytes())
                    done += block.nbytes
                    advance(done, total)
    index = {"metadata": {"total_size": total}, "weight_map": places}
    (folder / INDEX).write_text(json.dumps(index, indent=1), encoding="utf-8")


def _shards(shapes: dict[str, tuple[int, ...]]) -> Iterator[dict[str, tuple[int, ...]]]:
    shard: dict[str, tuple[int, ...]] = {}
    for name, shape in shapes.items():
        if shard and _bytes(shard | {name: shape}) > _SHARD_BYTES:
            yield shard
            shard = {}
        shard[name] = shape
    yield shard


def _bytes(shapes: dict[str, tuple[int, ...]]) -> int:
    return sum(int(np.prod(shape)) for shape in shapes.values()) * _HALF_BYTES


def _numbers(name: str, shape: tuple[int, ...]) -> Iterator[NDArray[np.float16]]:
    """Zeros for what is added, ones for what scales, and one block of noise again and again for the rest: new
    noise takes minutes.
    """
    left = int(np.prod(shape))
    if len(shape) < 2:
        yield np.full(left, 0 if name.endswith("bias") else 1, np.float16)
        return
    scale = float(np.prod(shape[1:])) ** -0.5
    block = (
        np.random.default_rng(zlib.crc32(name.encode())).standard_normal(min(left, _BLOCK), np.float32)
        * scale
    ).astype(np.float16)
    while left:
        yield block[:left]
        left -= min(left, _BLOCK)
