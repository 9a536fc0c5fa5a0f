"""Outlier channels: INT8 loses by them, and no more where they were evened out; FP32 stays bit by bit."""

from collections.abc import Callable

import numpy as np
import onnx
import pytest
from onnx import helper

from splitter.families import family
from splitter.families.loading import load_model, load_processor
from splitter.graph.chain import Arrays, Chain, tile_by_tile
from splitter.graph.export import export_tower
from splitter.nano import WEIGHTS
from splitter.nano.scenes import CALIBRATION_SEEDS, HELD_OUT_SEEDS, picture
from splitter.quantize.convert import convert
from splitter.quantize.loss import cosine
from splitter.quantize.quant_format import QuantFormat
from splitter.quantize.reach import reaches
from splitter.quantize.smoothing import Seam, seams, smooth
from splitter.silence import silence_libraries
from tests.splitter.quantize.graphs import WIDTH, pixels, tower, with_outliers

Outside = Callable[[onnx.ModelProto], None]
FORMS = [QuantFormat("int8"), QuantFormat("int4"), QuantFormat("int8", "static")]


def ran(model: onnx.ModelProto) -> Arrays:
    return Chain([model]).run(pixels(4))[0]


def loss(model: onnx.ModelProto, quant_format: QuantFormat) -> float:
    """In percent of cosine, against the small tower in FP32."""
    quantised = convert(model, quant_format, tile_by_tile(pixels(8, seed=1)))
    return 100 * (1 - cosine(ran(quantised), ran(tower())))


def smooth_small(model: onnx.ModelProto) -> onnx.ModelProto:
    smooth(model, tile_by_tile(pixels(8, seed=1)))
    return model


@pytest.mark.parametrize("quant_format", FORMS, ids=str)
def test_what_outliers_cost_is_lost_no_more(quant_format: QuantFormat) -> None:
    plain, spoilt = loss(tower(), quant_format), loss(with_outliers(tower()), quant_format)

    assert spoilt > 4 * plain
    assert loss(smooth_small(with_outliers(tower())), quant_format) < 1.5 * plain


def test_a_smoothed_graph_gives_the_same_to_the_bit() -> None:
    model = with_outliers(tower())
    before = ran(model)

    after = ran(smooth_small(model))

    for name, values in before.items():
        np.testing.assert_array_equal(after[name], values)


def test_measuring_reaches_leaves_the_graph_as_it_was() -> None:
    model = tower()
    found = reaches(model, {"layer1.normed": WIDTH, "vision.1/hidden": 1}, tile_by_tile(pixels(3)))
    assert model == tower()
    assert found["layer1.normed"].shape == (WIDTH,)
    (given,) = Chain([tower()]).run(pixels(3))
    assert found["vision.1/hidden"] == np.abs(given["vision.1/hidden"]).max()


def test_a_normalisation_and_the_one_product_behind_it_are_a_seam() -> None:
    assert seams(tower()) == [
        Seam(f"layer{number}.normed", WIDTH, [f"layer{number}.norm"], [f"layer{number}.up"])
        for number in (1, 2)
    ]


def test_normalisations_that_share_their_weights_are_smoothed_each_by_itself() -> None:
    model = tower()
    norms = [node for node in model.graph.node if node.op_type == "LayerNormalization"]
    norms[1].input[1] = norms[0].input[1]
    before = ran(model)

    after = ran(smooth_small(model))

    assert [seam.value for seam in seams(model)] == ["layer1.normed", "layer2.normed"]
    assert norms[1].input[1] != norms[0].input[1]
    assert all(np.array_equal(after[name], values) for name, values in before.items())


def test_a_graph_without_seams_is_left_as_it_is() -> None:
    model = tower()
    for number in (1, 2):
        model.graph.output.append(
            helper.make_tensor_value_info(f"layer{number}.normed", onnx.TensorProto.FLOAT, None)
        )
    before = onnx.ModelProto.FromString(model.SerializeToString())

    assert smooth_small(model) == before


def crosses(model: onnx.ModelProto) -> None:
    model.graph.output.append(helper.make_tensor_value_info("layer2.normed", onnx.TensorProto.FLOAT, None))


def is_added_to(model: onnx.ModelProto) -> None:
    model.graph.node.append(helper.make_node("Add", ["layer2.normed", "layer2.narrow"], ["elsewhere"]))


def shares_its_weights(model: onnx.ModelProto) -> None:
    model.graph.node.append(helper.make_node("MatMul", ["layer1.normed", "layer2.up"], ["elsewhere"]))


@pytest.mark.parametrize("outside", [crosses, is_added_to, shares_its_weights])
def test_a_value_that_somebody_else_takes_is_left_alone(outside: Outside) -> None:
    model = tower()
    outside(model)
    assert "layer2.normed" not in {seam.value for seam in seams(model)}


def test_the_end_of_an_rms_normalisation_is_a_seam_whichever_way_round_it_is_multiplied() -> None:
    for turned in (False, True):
        model = tower()
        norm = next(node for node in model.graph.node if node.op_type == "LayerNormalization")
        norm.op_type = "Mul"
        norm.input[:] = reversed(norm.input) if turned else list(norm.input)
        assert [seam.value for seam in seams(model)] == ["layer1.normed", "layer2.normed"]


@pytest.mark.slow
def test_the_built_in_model_with_three_outlier_channels_a_layer() -> None:
    """Its normalisations, and the values of its attention."""
    kind, processor = family("idefics3"), load_processor(WEIGHTS)
    with silence_libraries():
        model = export_tower(kind, load_model(WEIGHTS))
    seen, held_out = (
        kind.pixels(processor, [picture(first + i).image for i in range(4)]).numpy()
        for first in (CALIBRATION_SEEDS, HELD_OUT_SEEDS)
    )
    spoilt = with_outliers(model)
    (exact,), (before,) = Chain([model]).run(held_out), Chain([spoilt]).run(held_out)

    smooth(spoilt, tile_by_tile(seen))

    (after,) = Chain([spoilt]).run(held_out)
    assert all(np.array_equal(after[name], values) for name, values in before.items())
    assert len(seams(model)) == 3 * 6
    losses = {}
    for name, graph in {"plain": model, "spoilt": with_outliers(model), "smoothed": spoilt}.items():
        (given,) = Chain([convert(graph, QuantFormat("int8"))]).run(held_out)
        losses[name] = 100 * (1 - cosine(given, exact))
    assert losses["spoilt"] > 1
    assert losses["smoothed"] < 1.2 * losses["plain"] < 0.02
