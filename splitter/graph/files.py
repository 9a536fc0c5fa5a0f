"""Pieces as files: weights inside, or beside them where a file would grow past a gigabyte."""

import math
from pathlib import Path

import onnx
import onnx_ir as ir
from onnx import helper

from protos.bundle import WEIGHTS

_MAX_INSIDE = 1 << 30
_MIN_BESIDE = 1 << 10


def weight_bytes(model: onnx.ModelProto) -> int:
    """What the weights take. protobuf's own ByteSize puts the whole file together to measure it."""
    return sum(
        math.prod(tensor.dims) * helper.tensor_dtype_to_np_dtype(tensor.data_type).itemsize
        for tensor in model.graph.initializer
    )


def file_bytes(model: onnx.ModelProto) -> int:
    """What a model takes as a file, but for the few bytes that say how long its parts are. Nothing is put
    together for it.
    """
    graph = model.graph
    around = (
        graph.node,
        graph.input,
        graph.output,
        graph.value_info,
        graph.metadata_props,
        model.metadata_props,
        model.functions,
    )
    return weight_bytes(model) + sum(int(part.ByteSize()) for parts in around for part in parts)


def save(piece: onnx.ModelProto, path: Path, max_inside: int = _MAX_INSIDE) -> None:
    """Write one ONNX file; of a piece with more than `max_inside` bytes, the weights go into one file next to
    it.

    Weights beside are written one by one; as one file the whole piece would be in memory three more times
    while it is put together.
    """
    if weight_bytes(piece) <= max_inside:
        onnx.save(piece, path)
        return
    ir.save(
        ir.serde.deserialize_model(piece),
        path,
        external_data=path.name + WEIGHTS,
        size_threshold_bytes=_MIN_BESIDE,
    )
