"""A codec's encoder as an ONNX graph of its own: the boundary in, small integers out, run at the chosen cut
only.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from protos import codec as wire
from protos.codec.token_groups import Grouping
from splitter.codecs.arrays import Floats
from splitter.codecs.fitting import MAX_SENT, Transform
from splitter.graph.export import OPSET

_IR_VERSION = 10


class Encoder:
    """Builds the graph, tensor by tensor. Inputs are the boundary's tensors by bare name; outputs are named
    by `codes_name`.
    """

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []
        self._inputs: list[onnx.ValueInfoProto] = []
        self._outputs: list[onnx.ValueInfoProto] = []

    def quantise(self, tensor: str, shape: tuple[int, ...], low: Floats, scale: Floats) -> None:
        """UINT8 codes `round((x - low) / scale)`, saturating; one low and scale per channel (last axis)."""
        shifted = self._node("Sub", tensor, [self._take(tensor, shape), self._constant(tensor, "low", low)])
        scaled = self._node("Div", tensor, [shifted, self._constant(tensor, "scale", scale)])
        # One step for all, once scaled: onnxruntime vectorises that form, the one with a scale per channel is
        # scalar and 14 times slower.
        one = self._constant(tensor, "one", np.array(1, np.float32))
        zero = self._constant(tensor, "zero", np.array(0, np.uint8))
        self._give("QuantizeLinear", tensor, [scaled, one, zero], TensorProto.UINT8, shape)

    def project(self, tensor: str, fitted: Transform) -> None:
        """INT16 codes `round(turn.T @ (x - mean) @ analysis * per_step)`: (tokens, channels), x in groups
        where there is a grouping.

        `per-step/TENSOR` is a scalar input, so that all levels share the graph; without `turn` tokens are not
        mixed.
        """
        tokens, width = fitted.mean.shape
        taken = (
            self._grouped(tensor, fitted.grouping, width)
            if fitted.grouping
            else self._take(tensor, (tokens, width))
        )
        centred = self._node("Sub", tensor, [taken, self._constant(tensor, "mean", fitted.mean)])
        projected = self._node(
            "MatMul", tensor, [centred, self._constant(tensor, "analysis", fitted.analysis)]
        )
        if fitted.turn is not None:
            mixing = self._constant(tensor, "turn", np.ascontiguousarray(fitted.turn.T))
            projected = self._node("MatMul", tensor, [mixing, projected], "turned")
            tokens = fitted.turn.shape[1]
        self._inputs.append(helper.make_tensor_value_info(f"per-step/{tensor}", TensorProto.FLOAT, []))
        rounded = self._node("Round", tensor, [self._node("Mul", tensor, [projected, f"per-step/{tensor}"])])
        limits = {"least": -MAX_SENT, "most": MAX_SENT}
        clipped = self._node(
            "Clip",
            tensor,
            [rounded, *(self._constant(tensor, n, np.array(v, np.float32)) for n, v in limits.items())],
        )
        shape = (tokens, fitted.analysis.shape[1])
        self._give("Cast", tensor, [clipped], TensorProto.INT16, shape, to=TensorProto.INT16)

    def model(self) -> onnx.ModelProto:
        """The graph, checked."""
        graph = helper.make_graph(self._nodes, "encoder", self._inputs, self._outputs, self._constants)
        model = helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=_IR_VERSION
        )
        onnx.checker.check_model(model)
        return model

    def _grouped(self, tensor: str, grouping: Grouping, width: int) -> str:
        groups, members = grouping.order.shape
        whole = self._take(tensor, (grouping.tokens, width // members))
        gathered = self._node(
            "Gather", tensor, [whole, self._constant(tensor, "order", grouping.order.ravel())], axis=1
        )
        return self._node(
            "Reshape",
            tensor,
            [gathered, self._constant(tensor, "groups", np.array([-1, groups, width], np.int64))],
        )

    def _take(self, tensor: str, shape: tuple[int, ...]) -> str:
        self._inputs.append(helper.make_tensor_value_info(tensor, TensorProto.FLOAT, ["batch", *shape]))
        return tensor

    def _constant(self, tensor: str, name: str, values: NDArray[Any]) -> str:
        self._constants.append(numpy_helper.from_array(values, f"{tensor}/{name}"))
        return f"{tensor}/{name}"

    def _node(self, kind: str, tensor: str, inputs: list[str], name: str = "", **attributes: int) -> str:
        name = f"{tensor}/{name or kind.lower()}"
        self._nodes.append(helper.make_node(kind, inputs, [name], **attributes))
        return name

    def _give(
        self, kind: str, tensor: str, inputs: list[str], dtype: int, shape: tuple[int, ...], **attributes: int
    ) -> None:
        self._nodes.append(helper.make_node(kind, inputs, [wire.codes_name(tensor)], **attributes))
        self._outputs.append(helper.make_tensor_value_info(wire.codes_name(tensor), dtype, ["batch", *shape]))


def run(
    session: ort.InferenceSession | None, half: wire.Codec, boundary: Mapping[str, Floats]
) -> dict[str, wire.Codes]:
    """Codes (rows, ...) of a boundary (rows, ...), by tensor name; a codec without an encoder codes the
    boundary itself.
    """
    if session is None:
        return dict(boundary)
    outputs = [wire.codes_name(name) for name in boundary]
    return dict(zip(boundary, session.run(outputs, {**boundary, **half.feed}), strict=True))
