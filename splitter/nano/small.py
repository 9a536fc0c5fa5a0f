"""The built-in model's small decoder: two layers that answer on the device from the same image tokens.

It is faster than the whole decoder and wrong more often, as the small model of a device is.
"""

from collections.abc import Iterator
from pathlib import Path

from safetensors.torch import load_file
from torch import nn
from transformers import Idefics3ForConditionalGeneration, PreTrainedModel

from splitter.nano import SMALL
from splitter.nano.model import config

LAYERS, INTERMEDIATE = 2, 192
_DECODER = "model.text_model."


def with_small_decoder(whole: PreTrainedModel, weights: Path | None = SMALL) -> PreTrainedModel:
    """The built-in model, its decoder replaced by the small one; vision part and token table are shared.

    `weights` None: untrained.
    """
    sizes = config()
    sizes.text_config.num_hidden_layers, sizes.text_config.intermediate_size = LAYERS, INTERMEDIATE
    small = Idefics3ForConditionalGeneration(sizes).to(whole.dtype).eval()
    small.model.vision_model, small.model.connector = whole.model.vision_model, whole.model.connector
    small.model.text_model.embed_tokens = whole.model.text_model.embed_tokens
    small.lm_head = whole.lm_head
    if weights:
        found = {name: tensor.to(whole.dtype) for name, tensor in load_file(weights).items()}
        for name, parameter in own_weights(small):
            parameter.data.copy_(found[name])
    return small


def own_weights(small: nn.Module) -> Iterator[tuple[str, nn.Parameter]]:
    """The small decoder's own weights, by their names in it."""
    for name, parameter in small.named_parameters():
        if name.startswith(_DECODER) and "embed_tokens" not in name:
            yield name.removeprefix(_DECODER), parameter
