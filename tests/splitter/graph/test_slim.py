import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from protos.bundle import Bundle
from splitter.graph.chain import Chain
from splitter.graph.slim import slim
from tests.splitter.quantize.graphs import pixels, tower


def fat() -> onnx.ModelProto:
    """The small tower with a dead branch, a weight that nobody reads, one held twice, shapes, and the
    exporter's stack of calls.
    """
    model = tower()
    graph = model.graph
    dead = helper.make_node("Relu", ["layer1.normed"], ["dead"])
    graph.node.extend([dead, helper.make_node("MatMul", ["dead", "unread"], ["deader"])])
    graph.initializer.append(numpy_helper.from_array(np.ones((64, 64), np.float32), "unread"))
    held = next(tensor for tensor in graph.initializer if tensor.name == "layer1.up")
    twice = graph.initializer.add()
    twice.CopyFrom(held)
    twice.name = "twice"
    next(node for node in graph.node if "layer2.up" in node.input).input[1] = "twice"
    graph.value_info.append(helper.make_tensor_value_info("layer1.normed", onnx.TensorProto.FLOAT, None))
    graph.node[0].metadata_props.add(key="pkg.torch.onnx.stack_trace", value="File '/home/somebody/model.py'")
    graph.node[0].doc_string = "a long story"
    return model


def test_what_nobody_reads_is_gone_and_what_is_computed_is_the_same() -> None:
    model = fat()

    slimmed = slim(model)

    assert len(slimmed.graph.node) == len(tower().graph.node)
    (given,), (wanted,) = Chain([slimmed]).run(pixels(2)), Chain([model]).run(pixels(2))
    for name in wanted:
        np.testing.assert_array_equal(given[name], wanted[name])
    check_slim(slimmed)


def test_the_graph_given_is_left_as_it_was() -> None:
    model = fat()
    slim(model)
    assert model == fat()


def test_the_constructed_graph_would_fail_the_check() -> None:
    with pytest.raises(AssertionError):
        check_slim(fat())


def test_published_pieces_are_slim(bundle: Bundle) -> None:
    for piece in bundle.manifest.pieces:
        check_slim(onnx.load(bundle.file(piece.path)))


def test_the_published_decoder_is_slim(bundle: Bundle) -> None:
    check_slim(onnx.load(bundle.file(bundle.manifest.local.decoder)))


def check_slim(model: onnx.ModelProto) -> None:
    graph = model.graph
    read = {name for node in graph.node for name in node.input} | {value.name for value in graph.output}
    assert all(read & set(node.output) for node in graph.node), "dead nodes"
    assert {tensor.name for tensor in graph.initializer} <= read, "dead weights"
    held = [
        (tensor.data_type, tuple(tensor.dims), numpy_helper.to_array(tensor).tobytes())
        for tensor in graph.initializer
    ]
    assert len(held) == len(set(held)), "weights held twice"
    assert not graph.value_info
    assert not any(node.metadata_props or node.doc_string for node in graph.node)
