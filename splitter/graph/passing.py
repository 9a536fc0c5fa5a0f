"""Tensors that cross several cuts unchanged, as those of deepstack do: each boundary has its own name for
them.
"""

from collections.abc import Iterator

import onnx


def passed_on(model: onnx.ModelProto) -> onnx.ModelProto:
    """Let each boundary take such a tensor from the boundary before, and whatever else needs it from the
    last.

    The exporter makes all of them copies of the first, so that a piece would need what lies before its own
    beginning.
    """
    outputs = {output.name for output in model.graph.output}
    copies: dict[str, list[onnx.NodeProto]] = {}
    others: list[onnx.NodeProto] = []
    for node in model.graph.node:
        copied = node.op_type == "Identity" and {node.input[0], node.output[0]} <= outputs
        (copies.setdefault(node.input[0], []) if copied else others).append(node)
    last = {first: chain[-1].output[0] for first, chain in copies.items()}
    ordered = onnx.GraphProto()
    for node in others:
        node.input[:] = [last.get(name, name) for name in node.input]
        ordered.node.append(node)
        ordered.node.extend(copy for name in node.output for copy in _chained(name, copies.get(name, [])))
    del model.graph.node[:]
    model.graph.node.extend(ordered.node)
    return model


def _chained(first: str, chain: list[onnx.NodeProto]) -> Iterator[onnx.NodeProto]:
    for node in chain:
        node.input[0], first = first, node.output[0]
        yield node
