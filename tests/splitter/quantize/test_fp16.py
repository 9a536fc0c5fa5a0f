"""What FP16 cannot hold is told at the split: a CPU computes such a graph in FP32, where it never shows."""

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from protos.errors import RequestError
from splitter.graph.chain import tile_by_tile
from splitter.quantize.fp16 import to_fp16
from tests.splitter.quantize.graphs import pixels, tower


def scaled(weight: str, factor: float) -> onnx.ModelProto:
    """The small tower, its values known by type as those of an exported one are."""
    model = tower()
    tensor = next(tensor for tensor in model.graph.initializer if tensor.name == weight)
    tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor) * np.float32(factor), weight))
    return onnx.shape_inference.infer_shapes(model)


def test_a_value_that_passes_fp16s_end_is_refused_with_its_place_and_its_size() -> None:
    with pytest.raises(
        RequestError, match=r"65,504, and this model reaches [\d,]+ at node_layer1\.\w+"
    ) as told:
        to_fp16(scaled("layer1.up", 40_000), tile_by_tile(pixels(4)))
    assert float(str(told.value.facts["reach"])) > 65_504
    assert "--precision fp32" in str(told.value)


def test_a_weight_that_passes_it_is_refused_and_not_cut_off() -> None:
    with pytest.raises(RequestError, match=r"at layer2\.down"):
        to_fp16(scaled("layer2.down", 1e6))


def test_what_fits_is_converted() -> None:
    to_fp16(scaled("layer1.up", 1000), tile_by_tile(pixels(4)))


def test_what_hides_positions_from_attention_may_reach_as_far_as_it_likes() -> None:
    model = scaled("layer1.up", 1)
    model.graph.initializer.append(numpy_helper.from_array(np.array([-1e9], np.float32), "hidden"))
    model.graph.node.append(helper.make_node("Add", ["layer1.wide", "hidden"], ["masked"], name="mask"))
    to_fp16(onnx.shape_inference.infer_shapes(model), tile_by_tile(pixels(4)))
