"""FP32 graphs to static INT8: the activations' steps fitted on pictures and written into the graph as QDQ
nodes.
"""

import contextlib
import io
import tempfile
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper
from onnxruntime.quantization import CalibrationDataReader, QDQQuantizer, QuantType
from onnxruntime.quantization.calibrate import (
    CalibraterBase,
    EntropyCalibrater,
    MinMaxCalibrater,
    PercentileCalibrater,
)

from splitter.graph.chain import Feeds, open_session
from splitter.quantize.quant_format import S8, QuantFormat
from splitter.quantize.stored import store_convolutions

_KINDS = ["MatMul"]
_BINS = 1024  # onnxruntime's own 128 for entropy leave it nothing to search; its time grows with their square
_PERCENTILE = 99.999


def to_static(
    model: onnx.ModelProto, quant_format: QuantFormat, feeds: Feeds, threads: int = 1
) -> onnx.ModelProto:
    """A copy whose MatMuls with weights stand between QDQ nodes, weights per channel; all else stays in
    float.

    `feeds` are run through the graph one after the other, and none is kept.
    """
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "fp32.onnx"
        plain = onnx.ModelProto()
        plain.CopyFrom(model)
        del plain.graph.value_info[
            :
        ]  # the exporter's shapes of folded constants are stale; the quantiser infers its own
        _keep_boundaries(plain.graph)
        onnx.save(plain, source)
        with contextlib.redirect_stdout(io.StringIO()):
            ranges = _ranges(source, quant_format, feeds, threads)
            quantised = _quantised(onnx.shape_inference.infer_shapes(plain), quant_format, ranges)
    store_convolutions(quantised)
    return quantised


def _keep_boundaries(graph: onnx.GraphProto) -> None:
    """Let a MatMul that takes a boundary take a copy of it: the quantiser would put the QDQ pair before the
    boundary itself.
    """
    outputs = {value.name for value in graph.output}
    nodes = []
    for node in graph.node:
        if node.op_type in _KINDS and node.input[0] in outputs:
            taken = f"{node.input[0]}_taken_by_{node.output[0]}"
            nodes.append(helper.make_node("Identity", [node.input[0]], [taken], name=taken))
            node.input[0] = taken
        nodes.append(node)
    copied = [onnx.NodeProto.FromString(node.SerializeToString()) for node in nodes]
    del graph.node[:]
    graph.node.extend(copied)


def _ranges(source: Path, quant_format: QuantFormat, feeds: Feeds, threads: int) -> Any:
    """What every MatMul takes, from least to most, as the calibration method has it."""
    calibrater = _calibrater(quant_format)(source, _KINDS, (source.parent / "augmented.onnx").as_posix())
    calibrater.augment_graph()
    calibrater.infer_session = open_session(Path(calibrater.augmented_model_path).read_bytes(), threads)
    for feed in feeds:
        calibrater.collect_data(_Once(feed))  # merges, and lets go of what it saw
    return calibrater.compute_data()


def _calibrater(quant_format: QuantFormat) -> Callable[[Path, list[str], str], CalibraterBase]:
    symmetric = quant_format.activations == S8
    if quant_format.calibration_method == "entropy":
        return partial(_Entropy, symmetric=symmetric, num_bins=_BINS)
    if quant_format.calibration_method == "percentile":
        return partial(_Percentile, symmetric=symmetric, num_bins=_BINS, percentile=_PERCENTILE)
    return partial(_MinMax, symmetric=symmetric)


def _quantised(model: onnx.ModelProto, quant_format: QuantFormat, ranges: Any) -> onnx.ModelProto:
    signed = quant_format.activations == S8
    options = {
        "MatMulConstBOnly": True,
        "OpTypesToExcludeOutputQuantization": _KINDS,  # the bias behind a product is added in float
        "ActivationSymmetric": signed,
        "DedicatedQDQPair": signed,  # TensorRT fuses a pair with one node only
        "DefaultTensorType": onnx.TensorProto.FLOAT,
    }
    kind = QuantType.QInt8 if signed else QuantType.QUInt8
    quantizer = QDQQuantizer(model, True, False, QuantType.QInt8, kind, ranges, [], [], _KINDS, options)
    quantizer.quantize_model()
    quantised: onnx.ModelProto = quantizer.model.model
    return quantised


class _OfInputs(CalibraterBase):  # type: ignore[misc]
    """Looks at what MatMuls take, and not, as onnxruntime does, at what they give: that stays in float."""

    def select_tensors_to_calibrate(
        self, model: onnx.ModelProto
    ) -> tuple[set[str], dict[str, onnx.ValueInfoProto]]:
        selected, known = super().select_tensors_to_calibrate(model)
        return selected & {node.input[0] for node in model.graph.node if node.op_type in _KINDS}, known


class _MinMax(_OfInputs, MinMaxCalibrater):  # type: ignore[misc]
    pass


class _Entropy(_OfInputs, EntropyCalibrater):  # type: ignore[misc]
    pass


class _Percentile(_OfInputs, PercentileCalibrater):  # type: ignore[misc]
    pass


class _Once(CalibrationDataReader):  # type: ignore[misc]
    """One feed, once."""

    def __init__(self, feed: Mapping[str, NDArray[np.generic]]) -> None:
        self._feeds: Iterator[dict[str, NDArray[np.generic]]] = iter([dict(feed)])

    def get_next(self) -> dict[str, NDArray[np.generic]] | None:
        return next(self._feeds, None)
