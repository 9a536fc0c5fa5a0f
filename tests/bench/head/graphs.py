"""Graphs for the tests."""

import onnx
from onnx import TensorProto, helper


def product(left: list[int | str], right: list[int]) -> onnx.ModelProto:
    """A graph of one MatMul of two inputs."""
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        for name, shape in (("a", left), ("b", right))
    ]
    made = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    return helper.make_model(
        helper.make_graph([helper.make_node("MatMul", ["a", "b"], ["y"])], "graph", ends, [made])
    )
