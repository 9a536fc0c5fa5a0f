"""The uncut graphs that a chain is compared with, and bundles of true size with random weights."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import onnx
import torch
from transformers import (
    BlipConfig,
    BlipForConditionalGeneration,
    CLIPConfig,
    CLIPModel,
    Idefics3Config,
    Idefics3ForConditionalGeneration,
    PreTrainedModel,
)

from bench.head.arithmetic import MultiplyAdds, multiply_adds
from protos import bundle_pb2 as pb
from protos.bundle import FORMAT, Bundle, write_manifest
from protos.errors import UnknownName
from splitter.families import family_of
from splitter.families.loading import load_model
from splitter.graph.cut import cut
from splitter.graph.export import export_tower
from splitter.quantize.dynamic import to_int8

# ViT-B/16, which is the tower of CLIP ViT-B/16, SigLIP-B/16 and BLIP-base.
_VISION = {
    "hidden_size": 768,
    "intermediate_size": 3072,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "patch_size": 16,
}
_LAYER = {"num_hidden_layers": 1, "vocab_size": 64, "pad_token_id": 0}  # the language model is not measured
_TEXT = _LAYER | {
    "model_type": "llama",
    "hidden_size": 576,
    "intermediate_size": 1536,
    "num_attention_heads": 9,
    "num_key_value_heads": 3,
}


def _smolvlm() -> PreTrainedModel:
    vision = _VISION | {"image_size": 512}
    return Idefics3ForConditionalGeneration(
        Idefics3Config(vision_config=vision, text_config=_TEXT, scale_factor=4, image_token_id=1)
    )


def _clip() -> PreTrainedModel:
    return CLIPModel(CLIPConfig(vision_config=_VISION | {"image_size": 224}, text_config=_LAYER))


def _blip() -> PreTrainedModel:
    vision = _VISION | {
        "image_size": 384,
        "initializer_range": 0.02,
    }  # its own would leave weights of nothing, as FP16
    text = _LAYER | {"bos_token_id": 1, "sep_token_id": 2}
    return BlipForConditionalGeneration(BlipConfig(vision_config=vision, text_config=text))


CONFIGS: dict[str, Callable[[], PreTrainedModel]] = {
    "smolvlm-256m": _smolvlm,
    "vit-b16-224": _clip,
    "blip-base": _blip,
}


@dataclass(frozen=True)
class Towers:
    """A vision tower exported anew from a checkpoint folder: FP32 and INT8, every boundary an output."""

    family: str
    fp32: onnx.ModelProto
    int8: onnx.ModelProto
    arithmetic: MultiplyAdds

    @classmethod
    def of(cls, checkpoint: Path) -> Self:
        """Raises CheckpointError."""
        model = load_model(checkpoint)
        kind = family_of(model.config)
        tower = export_tower(kind, model)
        arithmetic = multiply_adds(tower)  # before quantising, which drops the shapes
        return cls(kind.name, tower, to_int8(tower), arithmetic)

    @property
    def last(self) -> str:
        """The cut at the end of the tower."""
        return str(self.fp32.graph.output[-1].name).rpartition("/")[0]

    def write_uncut(self, folder: Path, last: str) -> None:
        """fp32.onnx and int8.onnx, from pixels to the cut `last` and nothing else."""
        for name, tower in (("fp32", self.fp32), ("int8", self.int8)):
            [piece] = cut(tower, [self.boundary(last)])
            onnx.save(piece, folder / f"{name}.onnx")

    def boundary(self, name: str) -> list[str]:
        """A cut's tensors as the graph calls them."""
        return [value.name for value in self.fp32.graph.output if value.name.startswith(f"{name}/")]


def build(name: str, folder: Path) -> tuple[Bundle, Towers]:
    """A bundle of a model of true size with random weights, cut in thirds, without codecs or report. Raises
    UnknownName.
    """
    if name not in CONFIGS:
        raise UnknownName("config", name, list(CONFIGS))
    torch.manual_seed(0)
    CONFIGS[name]().half().save_pretrained(folder / "cloud")
    towers = Towers.of(folder / "cloud")
    manifest = pb.Manifest(format=FORMAT, model=name, family=towers.family)
    _write_pieces(towers, ["vision.4", "vision.8", towers.last], manifest, folder)
    write_manifest(folder, manifest)
    return Bundle.open(folder), towers


def _write_pieces(towers: Towers, cuts: list[str], manifest: pb.Manifest, folder: Path) -> None:
    (folder / "edge").mkdir()
    pieces = cut(towers.int8, [towers.boundary(name) for name in cuts])
    for number, (name, piece) in enumerate(zip(cuts, pieces, strict=True)):
        path = f"edge/{number:02d}-{name}.onnx"
        onnx.save(piece, folder / path)
        takes, gives = (
            [_spec(value) for value in values] for values in (piece.graph.input, piece.graph.output)
        )
        manifest.pieces.add(path=path, cut=name, inputs=takes, outputs=gives)
        boundary = [
            pb.TensorSpec(name=spec.name.rpartition("/")[2], dtype=spec.dtype, shape=spec.shape)
            for spec in gives
        ]
        manifest.cuts.add(name=name, boundary=boundary)


def _spec(value: onnx.ValueInfoProto) -> pb.TensorSpec:
    """Without the batch dimension."""
    return pb.TensorSpec(
        name=value.name,
        dtype="float32",
        shape=[dim.dim_value for dim in value.type.tensor_type.shape.dim[1:]],
    )
