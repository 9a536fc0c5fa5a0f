"""Smooth: outlier channels of the exported tower evened out, where INT8 or INT4 would lose by them."""

import numpy as np
import onnx

from splitter.evaluate.evaluation_set import EvaluationSet
from splitter.graph.chain import tile_by_tile
from splitter.quantize.reach import reaches
from splitter.quantize.smoothing import fold, seam_channels
from splitter.stages.run import Run

_TILES = 8  # that reaches are measured on; outlier channels are the same in every picture


def smoothed(run: Run, evaluation: EvaluationSet, tower: onnx.ModelProto) -> onnx.ModelProto:
    """The FP32 tower, which gives what it gave, with weights that lose less when they are quantised."""
    if not run.options.quant_format.integer:
        return tower
    found = run.parts.value("reaches", lambda: _reaches(run, evaluation, tower))
    fold(tower, {value: np.array(reach, np.float32) for value, reach in found.items()})
    return tower


def _reaches(run: Run, evaluation: EvaluationSet, tower: onnx.ModelProto) -> dict[str, list[float]]:
    run.advance("how far activations reach", 0, 1)
    pixels = evaluation.calibration(_TILES)
    spread = pixels[:: -(-len(pixels) // _TILES)]
    found = reaches(tower, seam_channels(tower), tile_by_tile(spread), run.options.threads)
    return {value: reach.tolist() for value, reach in found.items()}
