"""The sender's half of the codecs as ONNX nodes behind a boundary, so that the device runs one graph and gets small integers."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from splitter.export import graph_name


def codes_name(codec: str, tensor: str) -> str:
    """The graph output that holds a tensor's codes."""
    return f"codes/{codec}/{tensor}"


class Sender:
    """Adds nodes for one codec and one tensor to the piece that ends at a cut."""

    def __init__(self, piece: onnx.ModelProto, cut: str, codec: str, tensor: str) -> None:
        self._piece, self._prefix, self._boundary = piece, f"{codec}/{tensor}", graph_name(cut, tensor)
        self._codes = codes_name(codec, tensor)

    def cast(self) -> None:
        """The boundary as FP16."""
        self._output("Cast", [self._boundary], onnx.TensorProto.FLOAT16, to=onnx.TensorProto.FLOAT16)

    def quantise(self, low: NDArray[np.float32], scale: NDArray[np.float32]) -> None:
        """UINT8 codes `round((x - low) / scale)`, saturating; one low and scale per channel (last axis)."""
        shifted = self._node("Sub", [self._boundary, self._constant("low", low)])
        scaled = self._node("Div", [shifted, self._constant("scale", scale)])
        # One step for all, once scaled: onnxruntime vectorises that form, the one with a scale per channel is scalar and 14 times slower.
        one, zero = self._constant("one", np.array(1, np.float32)), self._constant("zero", np.array(0, np.uint8))
        self._output("QuantizeLinear", [scaled, one, zero], onnx.TensorProto.UINT8)

    def project(self, mean: NDArray[np.float32], basis: NDArray[np.float32]) -> str:
        """Coordinates `(x - mean) @ basis.T`; gives the name of the value, for `round`."""
        centred = self._node("Sub", [self._boundary, self._constant("mean", mean)])
        return self._node("MatMul", [centred, self._constant("basis", np.ascontiguousarray(basis.T))])

    def round(self, projected: str, step: float, low: Sequence[int], high: Sequence[int]) -> None:
        """INT16 codes of the first `len(low)` coordinates in steps, saturating at each channel's table."""
        bounds = {"first": 0, "behind": len(low), "axis": -1}
        limits = [self._constant(name, np.array([value], np.int64)) for name, value in bounds.items()]
        kept = self._node("Slice", [projected, *limits])
        scaled = self._node("Mul", [kept, self._constant("per-step", np.array(1 / step, np.float32))])
        floored = self._node("Max", [self._node("Round", [scaled]), self._constant("least", np.array(low, np.float32))])
        capped = self._node("Min", [floored, self._constant("most", np.array(high, np.float32))])
        self._output("Cast", [capped], onnx.TensorProto.INT16, len(low), to=onnx.TensorProto.INT16)

    def _constant(self, name: str, values: NDArray[Any]) -> str:
        full = f"{self._prefix}/{name}"
        self._piece.graph.initializer.append(numpy_helper.from_array(values, full))
        return full

    def _node(self, kind: str, inputs: list[str], output: str | None = None, **attributes: int) -> str:
        name = output or f"{self._prefix}/{kind.lower()}"
        self._piece.graph.node.append(helper.make_node(kind, inputs, [name], **attributes))
        return name

    def _output(self, kind: str, inputs: list[str], dtype: int, channels: int | None = None, **attributes: int) -> None:
        """A node whose value is the graph's output of codes: of the boundary's shape, but for the number of channels."""
        self._node(kind, inputs, self._codes, **attributes)
        boundary = next(value for value in self._piece.graph.output if value.name == self._boundary)
        codes = helper.make_tensor_value_info(self._codes, dtype, None)
        codes.type.tensor_type.shape.CopyFrom(boundary.type.tensor_type.shape)
        if channels is not None:
            codes.type.tensor_type.shape.dim[-1].dim_value = channels
        self._piece.graph.output.append(codes)
