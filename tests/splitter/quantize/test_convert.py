import weakref
from collections.abc import Iterator

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, numpy_helper

from protos.errors import RequestError
from splitter.graph.chain import Chain, Feed, tile_by_tile
from splitter.graph.cut import cut
from splitter.graph.export import PIXELS
from splitter.quantize.convert import convert
from splitter.quantize.dynamic import to_int8
from splitter.quantize.loss import cosine
from splitter.quantize.quant_format import METHODS, QuantFormat
from splitter.quantize.static import to_static
from tests.splitter.quantize.graphs import CUTS, kinds, pixels, tower

QUANTISED = [
    QuantFormat("int8"),
    QuantFormat("int4"),
    QuantFormat("int8", "static"),
    QuantFormat("int8", "static", "s8", "percentile"),
]
NEAREST = {"int8": 0.999, "int4": 0.99, "fp16": 0.99999}


def converted(quant_format: QuantFormat) -> onnx.ModelProto:
    return convert(tower(), quant_format, tile_by_tile(pixels(16, 1)))


@pytest.mark.parametrize("quant_format", [*QUANTISED, QuantFormat("fp16")], ids=str)
def test_every_form_keeps_fp32_boundaries_and_stays_near_them(quant_format: QuantFormat) -> None:
    graph = converted(quant_format)

    (given,), (wanted,) = Chain([graph]).run(pixels(3)), Chain([tower()]).run(pixels(3))

    assert [value.name for value in graph.graph.output] == [name for (name,) in CUTS]
    assert {value.type.tensor_type.elem_type for value in [*graph.graph.input, *graph.graph.output]} == {
        TensorProto.FLOAT
    }
    assert 1 > cosine(given, wanted) > NEAREST[quant_format.precision]


@pytest.mark.parametrize("quant_format", QUANTISED, ids=str)
def test_the_pieces_of_a_quantised_graph_chain_to_what_it_gives_uncut_bit_for_bit(
    quant_format: QuantFormat,
) -> None:
    graph = converted(quant_format)

    (uncut,) = Chain([graph]).run(pixels(3))

    for (name,), arrays in zip(CUTS, Chain(cut(graph, CUTS)).run(pixels(3)), strict=True):
        np.testing.assert_array_equal(arrays[name], uncut[name])


def test_pieces_in_fp16_chain_to_what_the_uncut_graph_gives_but_for_its_roundings() -> None:
    graph = converted(QuantFormat("fp16"))

    (uncut,) = Chain([graph]).run(pixels(3))

    for (name,), arrays in zip(CUTS, Chain(cut(graph, CUTS)).run(pixels(3)), strict=True):
        np.testing.assert_allclose(
            np.asarray(arrays[name], np.float32), np.asarray(uncut[name], np.float32), atol=2e-3
        )


def test_fp32_is_the_graph_as_exported() -> None:
    graph = tower()
    assert convert(graph, QuantFormat("fp32")) is graph


def test_int4_holds_four_bits_of_every_products_weights() -> None:
    graph = converted(QuantFormat("int4"))

    assert kinds(graph).count("MatMulNBits") == 5
    assert "MatMul" not in kinds(graph)
    packed = sum(
        np.prod(t.dims)
        for t in graph.graph.initializer
        if t.data_type == TensorProto.UINT8 and len(t.dims) == 3
    )
    numbers = sum(np.prod(t.dims) for t in tower().graph.initializer if len(t.dims) == 2)
    assert packed == numbers / 2


def test_fp16_holds_its_weights_in_two_bytes() -> None:
    weights = [
        t for t in converted(QuantFormat("fp16")).graph.initializer if t.data_type != TensorProto.INT64
    ]
    assert {tensor.data_type for tensor in weights} == {TensorProto.FLOAT16}


@pytest.mark.parametrize("precision", ["int8", "int4"])
def test_weights_of_convolutions_are_stored_as_int8_and_convolved_in_float(precision: str) -> None:
    stored = {tensor.name: tensor.data_type for tensor in converted(QuantFormat(precision)).graph.initializer}

    assert stored["patch_int8"] == TensorProto.INT8
    assert "patch" not in stored
    assert {"Conv", "LayerNormalization", "Gelu"} <= set(kinds(converted(QuantFormat(precision))))


def test_static_puts_qdq_nodes_around_products_with_weights_only() -> None:
    graph = converted(QuantFormat("int8", "static")).graph
    makers = {output: node.op_type for node in graph.node for output in node.output}
    fed = {
        node.op_type for node in graph.node for value in node.input if makers.get(value) == "DequantizeLinear"
    }
    assert fed == {"MatMul"}


def test_static_has_one_scale_per_channel_of_weights_and_one_per_activation() -> None:
    graph = converted(QuantFormat("int8", "static")).graph
    shapes = {t.name: tuple(t.dims) for t in graph.initializer if t.name.endswith("_scale")}
    assert shapes["layer1.up_scale"] == (128,)
    assert shapes["layer1.normed_scale"] == ()


@pytest.mark.parametrize(("activations", "kind"), [("u8", TensorProto.UINT8), ("s8", TensorProto.INT8)])
def test_static_activations_are_of_the_kind_asked_for(activations: str, kind: int) -> None:
    graph = converted(QuantFormat("int8", "static", activations)).graph
    points = {
        t.name: t
        for t in graph.initializer
        if t.name.endswith("normed_zero_point") or t.name.endswith("bent_zero_point")
    }
    assert {t.data_type for t in points.values()} == {kind}
    symmetric = all(not numpy_helper.to_array(point).any() for point in points.values())
    assert symmetric == (activations == "s8")


def test_static_holds_no_more_than_one_picture_at_a_time() -> None:
    held: list[weakref.ref[NDArray[np.float32]]] = []

    def watched() -> Iterator[Feed]:
        for seed in range(3):
            assert [seen() for seen in held[:-1]] == [None] * len(held[:-1])
            picture = pixels(1, seed)
            held.append(weakref.ref(picture))
            yield {PIXELS: picture}
            del picture

    one = to_static(tower(), QuantFormat("int8", "static"), watched())

    assert len(held) == 3
    assert one == to_static(
        tower(), QuantFormat("int8", "static"), [{PIXELS: pixels(1, seed)} for seed in (2, 0, 1)]
    )


def test_methods_of_calibration_differ_in_how_far_an_outlier_reaches() -> None:
    outlier = pixels(8)
    outlier[0] *= 30
    scales = {}
    for method in METHODS:
        graph = to_static(tower(), QuantFormat("int8", "static", "u8", method), tile_by_tile(outlier)).graph
        scales[method] = float(
            next(
                numpy_helper.to_array(t)
                for t in graph.initializer
                if t.name.startswith("vision.2/hidden") and t.name.endswith("_scale")
            )
        )
    assert scales["entropy"] < scales["minmax"]
    assert scales["percentile"] < scales["minmax"]


def test_quantisers_leave_the_printing_and_the_logging_to_us(capsys: pytest.CaptureFixture[str]) -> None:
    for quant_format in QUANTISED:
        converted(quant_format)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("precision", ["int4", "fp16", "fp32"])
def test_only_int8_can_be_static(precision: str) -> None:
    with pytest.raises(RequestError, match=f"leave out --quantization static, or --precision {precision}"):
        QuantFormat(precision, "static")


def test_dynamic_quantisation_has_nothing_to_calibrate() -> None:
    with pytest.raises(RequestError, match="add --quantization static"):
        QuantFormat("int8", "dynamic", "u8", "entropy")


def test_a_form_says_what_it_is() -> None:
    forms = [QuantFormat(), QuantFormat("int4"), QuantFormat("int8", "static", "s8", "entropy")]
    assert [str(quant_format) for quant_format in forms] == ["INT8 dynamic", "INT4", "INT8 static s8 entropy"]
    assert forms[1].parts == {"precision": "int4"}


def test_a_large_graph_is_quantised_stretch_by_stretch_to_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    at_once = to_int8(tower())
    monkeypatch.setattr("splitter.quantize.dynamic._MAX_AT_ONCE", 0)

    by_stretches = to_int8(tower())

    assert sorted(kinds(by_stretches)) == sorted(kinds(at_once))
    (given,), (wanted,) = Chain([by_stretches]).run(pixels(3)), Chain([at_once]).run(pixels(3))
    for name, values in wanted.items():
        np.testing.assert_array_equal(given[name], values)
