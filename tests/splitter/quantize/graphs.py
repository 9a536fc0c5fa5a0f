"""A tower in small: patches by a Conv, two layers of LayerNorm, two products and GELU around a residual, and
a connector.
"""

from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from splitter.graph.export import PIXELS

SIDE, PATCH, WIDTH, WIDE = 16, 8, 64, 128
CUTS = [["vision.1/hidden"], ["vision.2/hidden"], ["connector/image_tokens"]]


def tower() -> onnx.ModelProto:
    """Input `pixels` (n, 3, 16, 16); outputs named like those of an exported tower, each (n, 4, 64)."""
    graph = _Graph()
    graph.node(
        "Conv", [PIXELS, graph.weight("patch", WIDTH, 3, PATCH, PATCH)], "patches", strides=[PATCH, PATCH]
    )
    graph.node(
        "Reshape", ["patches", graph.constant("flat", np.array([0, WIDTH, -1], np.int64))], "flattened"
    )
    graph.node("Transpose", ["flattened"], "embedded", perm=[0, 2, 1])
    hidden = "embedded"
    for number in (1, 2):
        hidden = _layer(graph, number, hidden)
    graph.node("MatMul", [hidden, graph.weight("connect", WIDTH, WIDTH)], "connector/image_tokens")
    return graph.model()


def with_outliers(model: onnx.ModelProto, factor: float = 100) -> onnx.ModelProto:
    """A copy that computes the same, in which three channels behind each normalisation reach so many times as
    far: its weights times the factor, the rows behind them divided by it.
    """
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    weights = {tensor.name: tensor for tensor in changed.graph.initializer}
    rng = np.random.default_rng(3)
    for norm in [node for node in changed.graph.node if node.op_type == "LayerNormalization"]:
        products = [node for node in changed.graph.node if norm.output[0] in node.input]
        if all(node.op_type == "MatMul" for node in products):
            chosen = rng.choice(weights[norm.input[1]].dims[0], 3, replace=False)
            for name in norm.input[1:]:
                _times(weights[name], chosen, factor)
            for node in products:
                _times(weights[node.input[1]], chosen, 1 / factor)
    return changed


def _times(tensor: onnx.TensorProto, rows: NDArray[np.int64], factor: float) -> None:
    values = numpy_helper.to_array(tensor).copy()
    values[rows] *= np.float32(factor)
    tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))


def pixels(count: int, seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).normal(size=(count, 3, SIDE, SIDE)).astype(np.float32)


def kinds(model: onnx.ModelProto) -> list[str]:
    return [node.op_type for node in model.graph.node]


def _layer(graph: "_Graph", number: int, before: str) -> str:
    name, after = f"layer{number}", f"vision.{number}/hidden"
    graph.node("LayerNormalization", [before, graph.ones(f"{name}.norm", WIDTH)], f"{name}.normed")
    graph.node("MatMul", [f"{name}.normed", graph.weight(f"{name}.up", WIDTH, WIDE)], f"{name}.wide")
    graph.node("Add", [f"{name}.wide", graph.weight(f"{name}.bias", WIDE)], f"{name}.biased")
    graph.node("Gelu", [f"{name}.biased"], f"{name}.bent")
    graph.node("MatMul", [f"{name}.bent", graph.weight(f"{name}.down", WIDE, WIDTH)], f"{name}.narrow")
    graph.node("Add", [before, f"{name}.narrow"], after)
    return after


class _Graph:
    def __init__(self) -> None:
        self._rng = np.random.default_rng(0)
        self._nodes: list[onnx.NodeProto] = []
        self._weights: list[onnx.TensorProto] = []

    def node(self, kind: str, inputs: list[str], output: str, **attributes: Any) -> None:
        self._nodes.append(helper.make_node(kind, inputs, [output], name=f"node_{output}", **attributes))

    def constant(self, name: str, values: NDArray[Any]) -> str:
        self._weights.append(numpy_helper.from_array(values, name))
        return name

    def weight(self, name: str, *shape: int) -> str:
        return self.constant(
            name, (self._rng.normal(size=shape) / np.sqrt(np.prod(shape[:-1]))).astype(np.float32)
        )

    def ones(self, name: str, width: int) -> str:
        return self.constant(name, np.ones(width, np.float32))

    def model(self) -> onnx.ModelProto:
        taken = helper.make_tensor_value_info(PIXELS, TensorProto.FLOAT, ["batch", 3, SIDE, SIDE])
        given = [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", 4, WIDTH]) for (name,) in CUTS
        ]
        graph = helper.make_graph(self._nodes, "tower", [taken], given, self._weights)
        opsets = [helper.make_opsetid("", 20), helper.make_opsetid("com.microsoft", 1)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=10)
