"""The whole vision tower, from pixels to image tokens, as one ONNX graph with every boundary as an output."""

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator
from typing import Any

import onnx
import torch
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS
from transformers.models.blip.modeling_blip import BlipAttention
from transformers.models.blip_2.modeling_blip_2 import Blip2Attention

from splitter.families import Boundary, Family, walk
from splitter.graph.passing import passed_on
from splitter.memory import trim_memory

OPSET = 20
PIXELS = "pixels"
_FUSED = "isthmus_fused"
_MAX_BATCH = 64
_CONFIGS = ("vision_config", "qformer_config", "text_config")


def graph_name(cut: str, tensor: str) -> str:
    """A boundary tensor's name in the graph."""
    return f"{cut}/{tensor}"


def export_tower(family: Family, model: PreTrainedModel) -> onnx.ModelProto:
    """Export with a dynamic batch; input `pixels`, outputs `CUT/TENSOR` for every cut the model can have."""
    pixels = torch.zeros(2, *family.pixel_shape(model))
    names = [graph_name(cut, tensor) for cut, boundary in walk(family, model, pixels) for tensor in boundary]
    batch = torch.export.Dim("batch", min=1, max=_MAX_BATCH)
    with fused_attention(model):
        return passed_on(export(_Tower(family, model), (pixels,), [PIXELS], names, {PIXELS: {0: batch}}))


def export(
    module: nn.Module,
    arguments: tuple[Tensor, ...],
    inputs: list[str],
    outputs: list[str],
    shapes: dict[str, Any],
) -> onnx.ModelProto:
    """`torch.onnx.export` through dynamo, without its chatter, as a model in memory."""
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        logging.getLogger("torch.onnx").setLevel(logging.ERROR)
        program = torch.onnx.export(
            module.eval(),
            arguments,
            dynamo=True,
            opset_version=OPSET,
            input_names=inputs,
            output_names=outputs,
            dynamic_shapes=shapes,
            verbose=False,
        )
    if program is None:
        raise RuntimeError("torch.onnx.export gave no program")
    graph: onnx.ModelProto = program.model_proto
    for value in program.model.graph.initializers.values():
        # onnxscript's rewriter holds on to the last graph that it saw, and so to two copies of the weights
        value.const_value = None
    del program
    trim_memory()
    return graph


@contextlib.contextmanager
def fused_attention(model: PreTrainedModel) -> Iterator[None]:
    """While open, attention is exported as one com.microsoft::MultiHeadAttention node, which onnxruntime runs
    fused.
    """
    ALL_ATTENTION_FUNCTIONS.register(_FUSED, _fused_attention)
    with attention(model, _FUSED):
        yield


@contextlib.contextmanager
def attention(model: PreTrainedModel, implementation: str) -> Iterator[None]:
    """While open, a model computes attention by one of transformers' implementations, also where its family
    offers no choice.
    """
    configs = [model.config, *(c for c in (getattr(model.config, name, None) for name in _CONFIGS) if c)]
    before = [config._attn_implementation for config in configs]  # noqa: SLF001 - transformers has no public name for it
    written_out = [module for module in model.modules() if type(module) is BlipAttention]
    try:
        for config in configs:
            config._attn_implementation = implementation  # noqa: SLF001
        for module in written_out:
            # the same, but for asking which implementation to take
            module.__class__ = Blip2Attention
            module.is_causal = False
        yield
    finally:
        for config, name in zip(configs, before, strict=True):
            config._attn_implementation = name  # noqa: SLF001
        for module in written_out:
            module.__class__ = BlipAttention


def _fused_attention(
    _module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    *_mask: Tensor | None,
    scaling: float,
    **_: Any,
) -> tuple[Tensor, None]:
    """Attention of (batch, heads, length, width) without a mask, as the symbolic node. Keys may be more or
    fewer than queries.
    """
    count, heads, length, width = query.shape
    flat = [part.transpose(1, 2).flatten(2) for part in (query, key, value)]
    attributes: dict[str, Any] = {"num_heads": heads, "scale": float(scaling)}
    mixed = torch.onnx.ops.symbolic(
        "com.microsoft::MultiHeadAttention",
        flat,
        attributes,
        dtype=query.dtype,
        shape=flat[0].shape,
        version=1,
    )
    return mixed.view(count, length, heads, width), None


class _Tower(nn.Module):
    def __init__(self, family: Family, model: PreTrainedModel) -> None:
        super().__init__()
        self._family, self.model = family, model

    def forward(self, pixels: Tensor) -> tuple[Tensor, ...]:
        boundaries: list[Boundary] = [boundary for _, boundary in walk(self._family, self.model, pixels)]
        return tuple(tensor for boundary in boundaries for tensor in boundary.values())
