"""From the exported FP32 graph to any format."""

from collections.abc import Sequence

import onnx

from splitter.graph.chain import Feed, Feeds
from splitter.quantize.dynamic import to_int8
from splitter.quantize.fp16 import to_fp16
from splitter.quantize.int4 import to_int4
from splitter.quantize.quant_format import FP16, FP32, INT4, QuantFormat
from splitter.quantize.smoothing import smooth
from splitter.quantize.static import to_static


def convert(
    model: onnx.ModelProto, quant_format: QuantFormat, feeds: Feeds = (), threads: int = 1
) -> onnx.ModelProto:
    """A graph in another format; its inputs and outputs stay FP32 and keep their names.

    `feeds` calibrate static quantisation, and tell whether FP16 can hold all values; nothing else needs them.
    Raises RequestError where FP16 cannot.
    """
    if quant_format.precision == FP32:
        return model
    if quant_format.precision == FP16:
        return to_fp16(model, feeds, threads)
    if quant_format.precision == INT4:
        return to_int4(model)
    return to_static(model, quant_format, feeds, threads) if quant_format.static else to_int8(model)


def smooth_and_convert(
    model: onnx.ModelProto, quant_format: QuantFormat, feeds: Sequence[Feed] = ()
) -> onnx.ModelProto:
    """The same, outlier channels first evened out in place where that helps and `feeds` tell of them."""
    if quant_format.integer and feeds:
        smooth(model, feeds)
    return convert(model, quant_format, feeds)
