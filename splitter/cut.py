"""One graph to a chain of pieces, at the declared boundaries, each with the sender's half of its cut's codecs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper
from onnx.utils import Extractor

from protos.errors import CheckpointError
from splitter.export import PIXELS


@dataclass(frozen=True)
class Quantiser:
    """How a boundary tensor becomes UINT8 codes: `round((x - low) / scale)`, one low and scale per channel."""

    low: NDArray[np.float32]
    scale: NDArray[np.float32]


def cut(model: onnx.ModelProto, boundaries: Sequence[Sequence[str]]) -> list[onnx.ModelProto]:
    """Pieces from `pixels` to the first boundary, from there to the next, and so on; names are those of the graph.

    Raises CheckpointError where a boundary does not hold all that is alive: something behind it would need something before.
    """
    extractor = Extractor(model)
    pieces = []
    start: Sequence[str] = [PIXELS]
    for end in boundaries:
        _check_alive(model, start, end)
        pieces.append(extractor.extract_model(list(start), list(end)))
        start = end
    return pieces


def _check_alive(model: onnx.ModelProto, start: Sequence[str], end: Sequence[str]) -> None:
    """Walk back from `end`: nothing may be needed but `start`, weights, and what is computed on the way."""
    makers = {output: node for node in model.graph.node for output in node.output}
    inputs = {value.name for value in model.graph.input} - set(start)
    pending, met, leaks = list(end), set(start), set()
    while pending:
        name = pending.pop()
        if name in met or not name:
            continue
        met.add(name)
        if name in inputs:
            leaks.add(name)
        elif name in makers:
            pending.extend(makers[name].input)
    if leaks:
        message = f"between {list(start)} and {list(end)} the graph also needs {sorted(leaks)}: the family's boundary is incomplete"
        raise CheckpointError(message, leaks=sorted(leaks))


def add_int8(piece: onnx.ModelProto, codec: str, quantisers: Mapping[str, Quantiser]) -> None:
    """Give a piece the outputs `codes/CODEC/TENSOR` (uint8) for its boundary tensors, by graph name."""
    for name, quantiser in quantisers.items():
        tensor = name.rpartition("/")[2]
        low, scale, zero = (f"{codec}/{tensor}/{part}" for part in ("low", "scale", "zero"))
        piece.graph.initializer.extend(
            [
                numpy_helper.from_array(quantiser.low, low),
                numpy_helper.from_array(quantiser.scale, scale),
                numpy_helper.from_array(np.zeros(quantiser.scale.shape, np.uint8), zero),
            ]
        )
        shifted, codes = f"{codec}/{tensor}/shifted", codes_name(codec, tensor)
        piece.graph.node.extend(
            [
                helper.make_node("Sub", [name, low], [shifted]),
                helper.make_node("QuantizeLinear", [shifted, scale, zero], [codes], axis=-1),
            ]
        )
        _add_output(piece, codes, name, onnx.TensorProto.UINT8)


def add_fp16(piece: onnx.ModelProto, codec: str, names: Sequence[str]) -> None:
    """Give a piece the outputs `codes/CODEC/TENSOR` (float16) for its boundary tensors."""
    for name in names:
        codes = codes_name(codec, name.rpartition("/")[2])
        piece.graph.node.append(helper.make_node("Cast", [name], [codes], to=onnx.TensorProto.FLOAT16))
        _add_output(piece, codes, name, onnx.TensorProto.FLOAT16)


def codes_name(codec: str, tensor: str) -> str:
    """The graph output that holds a tensor's codes."""
    return f"codes/{codec}/{tensor}"


def _add_output(piece: onnx.ModelProto, name: str, like: str, dtype: int) -> None:
    shape = next(value.type.tensor_type.shape for value in piece.graph.output if value.name == like)
    value = helper.make_tensor_value_info(name, dtype, None)
    value.type.tensor_type.shape.CopyFrom(shape)
    piece.graph.output.append(value)
