"""A graph taken apart at all its boundaries and put together again, for what would need too much memory for
the whole at once.
"""

from collections.abc import Iterable, Iterator

import onnx

from splitter.graph.cut import extracted


def stretches(model: onnx.ModelProto) -> Iterator[onnx.ModelProto]:
    """From each boundary of an exported tower to the next; names are those of the graph."""
    boundaries: dict[str, list[str]] = {}
    for output in model.graph.output:
        boundaries.setdefault(output.name.rpartition("/")[0], []).append(output.name)
    return extracted(model, list(boundaries.values()))


def joined(model: onnx.ModelProto, parts: Iterable[onnx.ModelProto]) -> onnx.ModelProto:
    """Parts made of a model's stretches, in order, as one graph with the model's inputs and outputs."""
    whole = onnx.ModelProto(ir_version=model.ir_version)
    whole.graph.name = model.graph.name
    whole.graph.input.extend(model.graph.input)
    whole.graph.output.extend(model.graph.output)
    versions: dict[str, int] = {}
    held: set[str] = set()
    for part in parts:
        versions |= {
            opset.domain: max(opset.version, versions.get(opset.domain, 0)) for opset in part.opset_import
        }
        new = [
            tensor for tensor in part.graph.initializer if tensor.name not in held
        ]  # constants may be in several
        whole.graph.initializer.extend(new)
        held |= {tensor.name for tensor in new}
        for node in part.graph.node:
            if not held.issuperset(node.output):
                whole.graph.node.append(node)
                held |= set(node.output)
    whole.opset_import.extend(
        onnx.helper.make_opsetid(domain, version) for domain, version in versions.items()
    )
    return whole
