"""FP32 graphs to INT8, in the form that is fast on a CPU."""

import tempfile
from collections.abc import Callable
from pathlib import Path

import onnx
from onnxruntime.quantization import QuantType, quantize_dynamic

from splitter.graph.files import save, weight_bytes
from splitter.graph.stretches import joined, stretches
from splitter.quantize.stored import store_convolutions

_MAX_INSIDE = 64 << 20
_MAX_AT_ONCE = 256 << 20  # the quantiser holds a graph four times


def to_int8(model: onnx.ModelProto, in_float: Callable[[str], bool] = lambda _: False) -> onnx.ModelProto:
    """Weights of every MatMul as INT8 per channel, activations as UINT8 at run time; all else is computed in
    float.

    `in_float`: names of the weights that stay as they are.

    Signed activations would be twenty times slower on a CPU, and Conv, LayerNorm, Softmax and GELU gain
    nothing. The weights of convolutions are stored as INT8 all the same: in a small tower they would be a
    fifth of the file.
    """
    del model.graph.value_info[
        :
    ]  # the exporter's shapes of folded constants are stale; the quantiser infers its own
    if weight_bytes(model) <= _MAX_AT_ONCE:
        return _quantised(model, in_float)
    return joined(model, (_quantised(part, in_float) for part in stretches(model)))


def _quantised(model: onnx.ModelProto, in_float: Callable[[str], bool]) -> onnx.ModelProto:
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "fp32.onnx", Path(folder) / "int8.onnx"
        save(model, source, _MAX_INSIDE)
        quantize_dynamic(
            source,
            target,
            op_types_to_quantize=["MatMul"],
            per_channel=True,
            weight_type=QuantType.QInt8,
            nodes_to_exclude=[node.name for node in model.graph.node if any(map(in_float, node.input))],
            extra_options={"MatMulConstBOnly": True, "DefaultTensorType": onnx.TensorProto.FLOAT},
        )
        quantised = onnx.load(target)
    store_convolutions(quantised)
    return quantised
