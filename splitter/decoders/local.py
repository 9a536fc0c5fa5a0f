"""The language model for the device: an ONNX decoder with its KV cache in and out, and the embedding
table.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from protos import bundle_pb2 as pb
from protos.errors import CheckpointError
from splitter.decoders.token_table import save_table
from splitter.families import Family
from splitter.families.causal import Causal
from splitter.graph.chain import Feed
from splitter.graph.export import export
from splitter.graph.files import save
from splitter.graph.slim import slim
from splitter.quantize.convert import smooth_and_convert
from splitter.quantize.quant_format import INT8, QuantFormat

_TYPES = {"llama", "qwen2", "mistral"}


def write_local(
    family: Family,
    model: PreTrainedModel,
    folder: Path,
    prompts: Iterable[Tensor] = (),
    quant_format: QuantFormat | None = None,
    layers: int | None = None,
) -> pb.Local:
    """Write decoder.onnx and embeddings.npy into a folder; returns the manifest's entry, paths relative to
    it.

    `prompts`: embeddings (1, t, width) of some, with image tokens, on which its channels are evened out. The
    decoder has the head's precision, but for static quantisation: what it writes calibrates no decoder, so
    its INT8 is dynamic. `layers`: so many of its layers, the last among them; None: all.
    """
    causal = check_decoder(family, model)
    decoder, graph = causal.decoder(model), _Decoder(causal, model, layers)
    config = decoder.config
    shape = (len(graph.layers), 2, 1, config.num_key_value_heads, 3, graph.head_width)
    arguments = (torch.zeros(1, 5, config.hidden_size), torch.zeros(shape))
    length, past = torch.export.Dim("length", min=1, max=4096), torch.export.Dim("past", min=0, max=4096)
    exported = export(
        graph,
        arguments,
        ["embeds", "past"],
        ["logits", "present"],
        {"embeds": {1: length}, "past": {4: past}},
    )
    decoder_format = QuantFormat(quant_format.precision if quant_format else INT8)
    nothing = np.zeros((*shape[:4], 0, shape[5]), np.float32)
    feeds: list[Feed] = [{"embeds": embeds.numpy(), "past": nothing} for embeds in prompts]
    save(slim(smooth_and_convert(exported, decoder_format, feeds)), folder / "decoder.onnx")
    save_table(decoder.get_input_embeddings().weight, folder / "embeddings.npy")
    return pb.Local(
        decoder="decoder.onnx",
        embeddings="embeddings.npy",
        past_shape=(*shape[:4], 0, shape[5]),
        max_tokens=config.max_position_embeddings,
        precision=pb.Precision(**decoder_format.parts),
    )


def check_decoder(family: Family, model: PreTrainedModel) -> Causal:
    """The family, if the language model of its model can be written. Raises CheckpointError where not; no
    weights are needed to tell.
    """
    if not isinstance(family, Causal) or family.decoder(model).config.model_type not in _TYPES:
        known = ", ".join(sorted(_TYPES))
        raise CheckpointError(
            f"the language model of a {family.name} cannot answer on the device yet ({known} decoders "
            "can); leave out --with-local, or give another checkpoint: --local SMALL"
        )
    return family


class _Decoder(nn.Module):
    """A Llama-like decoder on embeddings, with all keys and values in one tensor (layers, 2, 1, heads,
    length, width).
    """

    def __init__(self, family: Causal, model: PreTrainedModel, layers: int | None = None) -> None:
        """`layers`: the first ones and the last, so many in all. The last is what the model's head reads,
        so those before it can be spared best (Gromov et al., 2024).
        """
        super().__init__()
        self._family, self.model = family, model
        self.decoder = family.decoder(model)
        config = self.decoder.config
        self.head_width = (
            getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
        )
        every = list[Any](cast(nn.ModuleList, self.decoder.layers))
        self.layers = every if layers is None else [*every[: layers - 1], every[-1]]
        self._groups = config.num_attention_heads // config.num_key_value_heads

    def forward(self, embeds: Tensor, past: Tensor) -> tuple[Tensor, Tensor]:
        """`embeds` (1, t, width), `past` with p positions -> logits (1, vocabulary) of the last position,
        `present` with p + t.
        """
        before, length = past.shape[4], embeds.shape[1]
        positions = torch.arange(before, before + length)[None]
        allowed = torch.arange(before + length)[None, :] <= positions[0, :, None]
        bias = torch.where(allowed, 0.0, -1e9)
        rotary = self.decoder.rotary_emb(embeds, positions)
        hidden, present = embeds, []
        for index, layer in enumerate(self.layers):
            mixed, cache = self._attend(layer, hidden, past[index], rotary, bias)
            hidden = hidden + mixed
            hidden = hidden + layer.mlp(layer.post_attention_layernorm(hidden))
            present.append(cache)
        last = self.decoder.norm(hidden[:, -1])
        return self._family.logits(self.model, last), torch.stack(present)

    def _attend(
        self, layer: Any, hidden: Tensor, past: Tensor, rotary: tuple[Tensor, Tensor], bias: Tensor
    ) -> tuple[Tensor, Tensor]:
        attention = layer.self_attn
        normed = layer.input_layernorm(hidden)
        query, key, value = (
            self._heads(p(normed)) for p in (attention.q_proj, attention.k_proj, attention.v_proj)
        )
        cosine, sine = (part[:, None] for part in rotary)
        query, key = (part * cosine + _turned(part) * sine for part in (query, key))
        cache = torch.stack([torch.cat([past[0], key], 2), torch.cat([past[1], value], 2)])
        keys, values = (part.repeat_interleave(self._groups, 1) for part in cache)
        weights = torch.softmax(query @ keys.transpose(2, 3) * self.head_width**-0.5 + bias, -1)
        mixed = (weights @ values).transpose(1, 2).flatten(2)
        return attention.o_proj(mixed), cache

    def _heads(self, projected: Tensor) -> Tensor:
        return projected.reshape(*projected.shape[:2], -1, self.head_width).transpose(1, 2)


def _turned(part: Tensor) -> Tensor:
    """The second half negated, before the first: how Llama pairs the channels of rotary embeddings."""
    first, second = part.chunk(2, -1)
    return torch.cat([-second, first], -1)
