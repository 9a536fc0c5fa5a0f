"""A tensor that crosses several cuts unchanged is handed on from cut to cut."""

import numpy as np
import onnx
from onnx.helper import make_graph, make_model, make_node, make_opsetid, make_tensor_value_info

from splitter.graph.chain import Chain
from splitter.graph.cut import cut
from splitter.graph.export import PIXELS
from splitter.graph.passing import passed_on

BOUNDARIES = [["1/a", "1/deep"], ["2/a", "2/deep"], ["3/a", "3/deep"], ["4/sum"]]


def exported() -> onnx.ModelProto:
    """`deep` is made before the first cut and needed behind the third; the exporter makes copies of the
    first, at the end.
    """
    steps = [
        ("Relu", [PIXELS], "1/a"),
        ("Neg", ["1/a"], "1/deep"),
        ("Neg", ["1/a"], "2/a"),
        ("Abs", ["2/a"], "3/a"),
    ]
    ends = [
        ("Add", ["3/a", "1/deep"], "4/sum"),
        ("Identity", ["1/deep"], "2/deep"),
        ("Identity", ["1/deep"], "3/deep"),
    ]
    nodes = [make_node(kind, inputs, [output]) for kind, inputs, output in steps + ends]
    values = {
        name: make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["n", 3])
        for names in BOUNDARIES
        for name in names
    }
    pixels = make_tensor_value_info(PIXELS, onnx.TensorProto.FLOAT, ["n", 3])
    return make_model(
        make_graph(nodes, "tower", [pixels], list(values.values())),
        opset_imports=[make_opsetid("", 20)],
        ir_version=9,
    )


def test_the_pieces_need_nothing_from_before_their_beginning() -> None:
    pixels = np.array([[1, -2, 3]], np.float32)
    (whole,) = Chain([exported()]).run(pixels)
    reached = {
        name: array
        for arrays in Chain(cut(passed_on(exported()), BOUNDARIES)).run(pixels)
        for name, array in arrays.items()
    }
    assert reached.keys() == whole.keys()
    for name, array in whole.items():
        np.testing.assert_array_equal(reached[name], array)
    assert whole["4/sum"].tolist() == [[0, 0, 0]]


def test_the_nodes_stay_in_an_order_that_can_be_run() -> None:
    onnx.checker.check_model(passed_on(exported()), full_check=True)
