"""FP32 graphs to FP16 inside, FP32 at every boundary."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.transformers.float16 import convert_float_to_float16

from protos.errors import RequestError
from splitter.graph.chain import Feeds
from splitter.quantize.mixed_precision import label
from splitter.quantize.reach import reaches

_LARGEST = float(np.finfo(np.float16).max)
_MASK = 1e8  # what reaches farther hides positions from attention: FP16's own end does as well


def to_fp16(model: onnx.ModelProto, feeds: Feeds = (), threads: int = 1) -> onnx.ModelProto:
    """A copy with weights and nodes in FP16; the graph's inputs and outputs stay FP32, so that a boundary is
    the same in every format.

    A processor without FP16 arithmetic is given FP32 by onnxruntime when it loads the graph: half the file,
    not half the time. So what FP16 cannot hold shows on other processors only, and is looked for here, in
    what `feeds` make of the FP32 graph. Raises RequestError where there is such a value.
    """
    _check_range(model, feeds, threads)
    copied = onnx.ModelProto()
    copied.CopyFrom(model)
    del copied.graph.value_info[:]  # the exporter's shapes of folded constants are stale
    halved: onnx.ModelProto = convert_float_to_float16(copied, keep_io_types=True)
    _go_on_from_boundaries(halved.graph)
    return halved


def _check_range(model: onnx.ModelProto, feeds: Feeds, threads: int) -> None:
    """Raises RequestError where a weight or a value passes FP16's range: the conversion cuts weights off."""
    reach = _weights(model) | _values(model, feeds, threads)
    beyond = {name: largest for name, largest in reach.items() if _LARGEST < largest < _MASK}
    if not beyond:
        return
    worst = max(beyond, key=lambda name: beyond[name])
    where = next((label(node) for node in model.graph.node if worst in node.output), worst)
    raise RequestError(
        f"FP16 ends at {_LARGEST:,.0f}, and this model reaches {beyond[worst]:,.0f} at {where} (it passes "
        f"that in {len(beyond)} places); leave out --precision fp16, or give --precision fp32",
        value=where,
        reach=beyond[worst],
    )


def _weights(model: onnx.ModelProto) -> dict[str, float]:
    floats = (tensor for tensor in model.graph.initializer if tensor.data_type == TensorProto.FLOAT)
    return {tensor.name: float(np.abs(numpy_helper.to_array(tensor)).max(initial=0)) for tensor in floats}


def _values(model: onnx.ModelProto, feeds: Feeds, threads: int) -> dict[str, float]:
    made = {name for node in model.graph.node for name in node.output}
    floats = {
        value.name: 1
        for value in [*model.graph.value_info, *model.graph.output]
        if value.name in made and value.type.tensor_type.elem_type == TensorProto.FLOAT
    }
    return {name: float(largest[0]) for name, largest in reaches(model, floats, feeds, threads).items()}


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
