"""From the exported FP32 graph to any form."""

import onnx

from splitter.quantize.dynamic import to_int8
from splitter.quantize.form import FP16, FP32, INT4, QuantFormat
from splitter.quantize.half import to_fp16
from splitter.quantize.int4 import to_int4
from splitter.quantize.static import Batches, to_static


def convert(
    model: onnx.ModelProto, form: QuantFormat, batches: Batches = (), threads: int = 1
) -> onnx.ModelProto:
    """A graph in another form; its inputs and outputs stay FP32 and keep their names.

    `batches` of pixels (n, 3, h, w) are needed by static quantisation, and by nothing else.
    """
    if form.precision == FP32:
        return model
    if form.precision == FP16:
        return to_fp16(model)
    if form.precision == INT4:
        return to_int4(model)
    return to_static(model, form, batches, threads) if form.static else to_int8(model)
