"""FP32 graphs to FP16 inside, FP32 at every boundary."""

import onnx
from onnx import helper
from onnxruntime.transformers.float16 import convert_float_to_float16


def to_fp16(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy with weights and nodes in FP16; the graph's inputs and outputs stay FP32, so that a boundary is
    the same in every format.

    A processor without FP16 arithmetic is given FP32 by onnxruntime when it loads the graph: half the file,
    not half the time.
    """
    copied = onnx.ModelProto()
    copied.CopyFrom(model)
    del copied.graph.value_info[:]  # the exporter's shapes of folded constants are stale
    halved: onnx.ModelProto = convert_float_to_float16(copied, keep_io_types=True)
    _go_on_from_boundaries(halved.graph)
    return halved


def _go_on_from_boundaries(graph: onnx.GraphProto) -> None:
    """Let what follows an output take it from there, not from the FP16 value beside it: a piece begins at the
    output and has no other.

    FP16 to FP32 and back is exact.
    """
    outputs = {value.name for value in graph.output}
    ends = {
        node.input[0]: node for node in graph.node if node.op_type == "Cast" and node.output[0] in outputs
    }
    nodes = [node for node in graph.node if node.output[0] not in outputs or node.op_type != "Cast"]
    again = {value: f"{value}_again" for value in ends}
    ordered = []
    for node in nodes:
        for index, name in enumerate(node.input):
            node.input[index] = again.get(name, name)
        ordered.append(node)
        for value in node.output:
            if value in ends:
                cast = helper.make_node(
                    "Cast", [ends[value].output[0]], [again[value]], to=onnx.TensorProto.FLOAT16
                )
                ordered.extend([ends[value], cast])
    del graph.node[:]
    graph.node.extend(ordered)
