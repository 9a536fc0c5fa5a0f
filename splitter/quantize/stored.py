"""Weights stored as INT8 and computed in float: for what gains nothing from INT8 products but would weigh a
file down.
"""

import numpy as np
import onnx
from onnx import helper, numpy_helper

_LARGEST = 127


def store_convolutions(model: onnx.ModelProto) -> None:
    """Give every Conv its float weight as INT8 per output channel times a scale, in place.

    onnxruntime multiplies once, when it loads the graph, so the convolution runs as it did.
    """
    weights = {tensor.name: tensor for tensor in model.graph.initializer}
    names = {node.input[1] for node in model.graph.node if node.op_type == "Conv"}
    for name in sorted(names & weights.keys()):
        if weights[name].data_type == onnx.TensorProto.FLOAT:
            _store(model.graph, weights[name])


def _store(graph: onnx.GraphProto, weight: onnx.TensorProto) -> None:
    name, values = weight.name, numpy_helper.to_array(weight)
    largest = np.abs(values).max(tuple(range(1, values.ndim)), keepdims=True)
    scale = (np.where(largest > 0, largest, 1) / _LARGEST).astype(np.float32)
    graph.initializer.remove(weight)
    graph.initializer.append(
        numpy_helper.from_array(np.round(values / scale).astype(np.int8), f"{name}_int8")
    )
    graph.initializer.append(numpy_helper.from_array(scale, f"{name}_scale"))
    graph.node.insert(
        0, helper.make_node("Cast", [f"{name}_int8"], [f"{name}_cast"], to=onnx.TensorProto.FLOAT)
    )
    graph.node.insert(1, helper.make_node("Mul", [f"{name}_cast", f"{name}_scale"], [name]))
