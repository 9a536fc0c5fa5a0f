import json

import numpy as np
import onnx
import pytest

from splitter.graph.chain import Chain, tile_by_tile
from splitter.graph.slim import slim
from splitter.quantize.convert import convert
from splitter.quantize.dynamic import to_int8
from splitter.quantize.mixed_precision import products, restore_float
from splitter.quantize.quant_format import QuantFormat
from tests.splitter.quantize.graphs import kinds, pixels, tower
from tests.splitter.quantize.small import Working


def spiked() -> onnx.ModelProto:
    """The small tower with one MatMul that INT4 does badly: a few of its weights are far larger than the
    rest.
    """
    model = tower()
    weight = next(tensor for tensor in model.graph.initializer if tensor.name == "layer2.down")
    values = onnx.numpy_helper.to_array(weight).copy()
    values[::16] *= 12
    weight.CopyFrom(onnx.numpy_helper.from_array(values, "layer2.down"))
    return model


def test_every_product_with_weights_is_found_in_order() -> None:
    found = products(tower())
    assert [product.output for product in found][:2] == ["layer1.wide", "layer1.narrow"]
    assert [product.shape for product in found] == [(64, 128), (128, 64), (64, 128), (128, 64), (64, 64)]


def test_a_product_is_called_by_the_module_that_it_was_exported_from() -> None:
    model = tower()
    node = next(node for node in model.graph.node if node.op_type == "MatMul")
    node.metadata_props.add(
        key="pkg.torch.onnx.name_scopes", value="['', 'vision', 'vision.layers.0.mlp.fc1', 'linear_4']"
    )
    labels = [product.label for product in products(model)]
    assert labels[:2] == ["vision.layers.0.mlp.fc1", "node_layer1.narrow"]


@pytest.mark.parametrize(
    "quant_format", [QuantFormat("int8"), QuantFormat("int4"), QuantFormat("int8", "static")], ids=str
)
def test_a_graph_with_every_product_freed_computes_as_before_but_for_its_convolutions(
    quant_format: QuantFormat,
) -> None:
    original = tower()

    freed = restore_float(
        convert(original, quant_format, tile_by_tile(pixels(4))),
        original,
        {product.output for product in products(original)},
    )

    (given,), (wanted,) = Chain([freed]).run(pixels(2)), Chain([tower()]).run(pixels(2))
    assert kinds(freed).count("MatMul") == 5
    for name in wanted:
        np.testing.assert_allclose(
            np.asarray(given[name], np.float32), np.asarray(wanted[name], np.float32), atol=0.05
        )


def test_one_product_is_freed_and_no_other() -> None:
    freed = slim(restore_float(to_int8(tower()), tower(), {"layer1.wide"}))
    assert kinds(freed).count("MatMul") == 1
    assert kinds(freed).count("MatMulInteger") == 4


def test_the_most_sensitive_product_is_found_and_freed_first(working: Working) -> None:
    original = spiked()
    quantised = convert(original, QuantFormat("int4"))
    all_lost = working().search(original, quantised, 100).before

    found = working().search(original, quantised, 0.9 * all_lost)

    assert found.outputs == {"layer2.narrow"}
    assert found.after <= found.bound < found.before
    effects = [effect.effect for effect in found.effects]
    assert effects == sorted(effects, reverse=True)
    assert len(effects) == 5


def test_no_more_is_freed_than_the_bound_asks(working: Working) -> None:
    original = spiked()
    quantised = convert(original, QuantFormat("int4"))

    found = working().search(original, quantised, 0.4)

    assert found.holds
    assert 0 < found.in_float < len(found.effects)
    assert (
        json.loads((working().run.parts.folder / f"loss-{found.in_float - 1}-in-float.json").read_text())
        > 0.4
    )


def test_a_bound_that_holds_frees_nothing_and_measures_no_more(working: Working) -> None:
    found = working().search(tower(), to_int8(tower()), 5)
    assert (found.in_float, found.effects, found.holds) == (0, [], True)


def test_a_bound_that_nothing_can_hold_frees_all_and_says_so(working: Working) -> None:
    found = working().search(tower(), convert(tower(), QuantFormat("int4")), 1e-9)
    assert found.in_float == len(found.effects)
    assert not found.holds


def test_an_interrupted_search_goes_on_from_what_it_measured(working: Working) -> None:
    original, quantised = tower(), convert(tower(), QuantFormat("int4"))
    first = working().search(original, quantised, 0.1)
    (working().run.parts.folder / "effect-0004.json").write_text("77.0")

    again = working().search(original, quantised, 0.1)

    assert again.effects[0].effect == 77.0
    assert (
        sorted(effect.effect for effect in again.effects)[:3]
        == sorted(effect.effect for effect in first.effects)[:3]
    )
