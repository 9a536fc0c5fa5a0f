"""FP32 graphs to 4-bit weights: where size counts more than speed."""

import logging
from typing import Any

import onnx

from splitter.quantize.stored import store_convolutions

_BLOCK = 32
_INT8_PRODUCTS = 4


def to_int4(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy whose MatMuls with weights are MatMulNBits: 4 bits in blocks of 32 with a zero point each; all
    else stays in float.

    Activations are rounded to INT8 block by block at run time (`accuracy_level` 4): faster, and it changes
    little beside the weights.
    """
    copied = onnx.ModelProto()
    copied.CopyFrom(model)
    del copied.graph.value_info[:]  # the exporter's shapes of folded constants are stale
    quantizer = _quantizer()(copied, block_size=_BLOCK, is_symmetric=False, accuracy_level=_INT8_PRODUCTS)
    quantizer.model.replace_gemm_with_matmul()  # a decoder's head is one, and the largest product of all
    quantizer.process()
    quantised: onnx.ModelProto = quantizer.model.model
    store_convolutions(quantised)
    return quantised


def _quantizer() -> Any:
    """Onnxruntime's quantiser, imported so that it leaves the process's logging alone: it calls
    logging.basicConfig.
    """
    root, silent = logging.getLogger(), logging.NullHandler()
    root.addHandler(silent)
    try:
        from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer
    finally:
        root.removeHandler(silent)
    return MatMulNBitsQuantizer
