"""How far values inside a graph reach on pictures: what smoothing evens out, and what FP16 cannot hold."""

from collections.abc import Mapping

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper

from splitter.graph.chain import Feeds, piece_session

Reaches = Mapping[str, NDArray[np.float32]]


def reaches(model: onnx.ModelProto, channels: Mapping[str, int], feeds: Feeds, threads: int = 1) -> Reaches:
    """The largest magnitude of values by name, in each of so many `channels`, the last axis; 1: of all.

    No value leaves the graph whole: those of a large tower would take gigabytes.
    """
    if not channels:
        return {}
    graph = model.graph
    nodes, outputs = len(graph.node), len(graph.output)
    try:  # in place: a copy would hold the weights twice
        for name, count in channels.items():
            _probe(graph, name, count)
        session = piece_session(model, threads)
    finally:
        del graph.node[nodes:]
        del graph.output[outputs:]
    found = {name: np.zeros(count, np.float32) for name, count in channels.items()}
    for feed in feeds:
        given = session.run([_probe_name(name) for name in found], dict(feed))
        found = {name: np.maximum(found[name], seen) for name, seen in zip(found, given, strict=True)}
    return found


def _probe(graph: onnx.GraphProto, name: str, channels: int) -> None:
    """max(|x|) over all axes but the last, as another output."""
    probe = _probe_name(name)
    constants = {"rows": [-1, channels], "axis": [0]}
    for constant, values in constants.items():
        made = helper.make_tensor(f"{probe}/{constant}", TensorProto.INT64, [len(values)], values)
        graph.node.append(helper.make_node("Constant", [], [made.name], value=made))
    graph.node.extend(
        [
            helper.make_node("Abs", [name], [f"{probe}/abs"]),
            helper.make_node("Reshape", [f"{probe}/abs", f"{probe}/rows"], [f"{probe}/flat"]),
            helper.make_node("ReduceMax", [f"{probe}/flat", f"{probe}/axis"], [probe], keepdims=0),
        ]
    )
    graph.output.append(helper.make_tensor_value_info(probe, TensorProto.FLOAT, [channels]))


def _probe_name(name: str) -> str:
    return f"{name}/reach"
