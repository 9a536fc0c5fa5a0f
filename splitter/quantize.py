"""FP32 graphs to INT8, in the form that is fast on a CPU."""

import tempfile
from pathlib import Path

import onnx
from onnxruntime.quantization import QuantType, quantize_dynamic


def to_int8(model: onnx.ModelProto) -> onnx.ModelProto:
    """Weights of every MatMul as INT8 per channel, activations as UINT8 at run time; all else stays in float.

    Signed activations would be twenty times slower on a CPU, and Conv, LayerNorm, Softmax and GELU gain nothing.
    """
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "fp32.onnx", Path(folder) / "int8.onnx"
        del model.graph.value_info[:]  # the exporter's shapes of folded constants are stale; the quantiser infers its own
        onnx.save(model, source)
        quantize_dynamic(
            source,
            target,
            op_types_to_quantize=["MatMul"],
            per_channel=True,
            weight_type=QuantType.QInt8,
            extra_options={"MatMulConstBOnly": True, "DefaultTensorType": onnx.TensorProto.FLOAT},
        )
        return onnx.load(target)
