"""From the exported FP32 graph to any format."""

import onnx

from splitter.quantize.dynamic import to_int8
from splitter.quantize.fp16 import to_fp16
from splitter.quantize.int4 import to_int4
from splitter.quantize.quant_format import FP16, FP32, INT4, QuantFormat
from splitter.quantize.static import Batches, to_static


def convert(
    model: onnx.ModelProto, quant_format: QuantFormat, batches: Batches = (), threads: int = 1
) -> onnx.ModelProto:
    """A graph in another format; its inputs and outputs stay FP32 and keep their names.

    `batches` of pixels (n, 3, h, w) are needed by static quantisation, and by nothing else.
    """
    if quant_format.precision == FP32:
        return model
    if quant_format.precision == FP16:
        return to_fp16(model)
    if quant_format.precision == INT4:
        return to_int4(model)
    return to_static(model, quant_format, batches, threads) if quant_format.static else to_int8(model)
