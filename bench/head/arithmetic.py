"""How much arithmetic a tower is, counted from its graph, and the two matrix products that show how fast a
machine does it.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from protos.errors import CheckpointError

ROWS, INNER, COLUMNS = 1024, 768, 3072  # a ViT-B's MLP at 512 px
_OPSET, _IR = 20, 10
_PRODUCT = re.compile(r"\w+(\s*\*\s*\w+)*")

Shapes = dict[str, list[int]]


@dataclass(frozen=True)
class MultiplyAdds:
    """Multiply-adds for one picture. `weights`: MatMuls with a constant, which INT8 speeds up; the rest stays
    in float.
    """

    weights: int
    attention: int
    other: int

    @property
    def floating(self) -> int:
        """What an INT8 head computes in float."""
        return self.attention + self.other

    @property
    def total(self) -> int:
        return self.weights + self.floating


def multiply_adds(tower: onnx.ModelProto) -> MultiplyAdds:
    """Count a graph's MatMul, attention, Gemm and Conv nodes at batch 1. Raises CheckpointError where a shape
    is not written down.
    """
    counts = {"weights": 0, "attention": 0, "other": 0}
    for kind, count in _counted(tower):
        counts[kind] += count
    return MultiplyAdds(**counts)


def _counted(tower: onnx.ModelProto) -> Iterator[tuple[str, int]]:
    shapes = _shapes(tower)
    weights = {value.name for value in tower.graph.initializer}
    for node in tower.graph.node:
        if node.op_type == "MatMul":
            left, right = (_shape(shapes, node, name) for name in node.input[:2])
            yield "weights" if node.input[1] in weights else "attention", math.prod(left) * right[-1]
        elif node.op_type == "MultiHeadAttention":
            query, key = (_shape(shapes, node, name) for name in node.input[:2])
            yield "attention", 2 * math.prod(query) * key[1]
        elif node.op_type in {"Gemm", "Conv"}:
            out, weight = _shape(shapes, node, node.output[0]), _shape(shapes, node, node.input[1])
            yield (
                "other",
                math.prod(out) * math.prod(weight) // (weight[0] if node.op_type == "Conv" else out[-1]),
            )


def _shapes(tower: onnx.ModelProto) -> Shapes:
    """Every shape in the graph; a weight's own shape takes precedence over a value_info of it."""
    graph = tower.graph
    declared = {
        value.name: _sizes(value)
        for values in (graph.value_info, graph.input, graph.output)
        for value in values
    }
    return {name: sizes for name, sizes in declared.items() if sizes} | {
        value.name: list(value.dims) for value in graph.initializer
    }


def _sizes(value: onnx.ValueInfoProto) -> list[int]:
    """A value's shape for one picture; empty where a size is missing, or is more than a product."""
    sizes = [str(dim.dim_value or dim.dim_param) for dim in value.type.tensor_type.shape.dim]
    return [_at_batch_1(size) for size in sizes] if all(map(_PRODUCT.fullmatch, sizes)) else []


def _at_batch_1(size: str) -> int:
    """A size such as `batch` or `64*batch`, for one picture."""
    return math.prod(int(factor) for factor in size.split("*") if factor.strip().isdecimal())


def _shape(shapes: Shapes, node: onnx.NodeProto, name: str) -> list[int]:
    if name not in shapes:
        raise CheckpointError(
            f"the graph does not tell the shape of {name!r} at {node.name}; export it anew", tensor=name
        )
    return shapes[name]


def write_products(folder: Path) -> dict[str, Path]:
    """One FP32 MatMul and one U8S8 MatMulInteger of ROWS x INNER x COLUMNS, weights constant, as files by
    name.
    """
    weights = np.random.default_rng(0).integers(-127, 128, (INNER, COLUMNS)).astype(np.int8)
    floats, signed = weights.astype(np.float32), weights
    made = {
        "matmul-fp32": _product("MatMul", floats, TensorProto.FLOAT, TensorProto.FLOAT),
        "matmul-int8": _product("MatMulInteger", signed, TensorProto.UINT8, TensorProto.INT32),
    }
    paths = {name: folder / f"{name}.onnx" for name in made}
    for name, model in made.items():
        onnx.save(model, paths[name])
    return paths


def _product(
    op: str, weights: np.ndarray[tuple[int, ...], np.dtype[np.generic]], takes: int, gives: int
) -> onnx.ModelProto:
    return model_of(
        [helper.make_node(op, ["x", "weights"], ["y"])],
        helper.make_tensor_value_info("x", takes, [ROWS, INNER]),
        helper.make_tensor_value_info("y", gives, [ROWS, COLUMNS]),
        [numpy_helper.from_array(weights, "weights")],
    )


def model_of(
    nodes: list[onnx.NodeProto],
    takes: onnx.ValueInfoProto,
    gives: onnx.ValueInfoProto,
    weights: list[onnx.TensorProto] | None = None,
) -> onnx.ModelProto:
    """A graph of one input and one output, in the version that the towers are exported in."""
    graph = helper.make_graph(nodes, "graph", [takes], [gives], weights or [])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=_IR)


def products_rate(milliseconds: float) -> float:
    """Multiply-adds a second of one such product that took so long."""
    return ROWS * INNER * COLUMNS / (milliseconds / 1e3)
