"""MatMuls of a quantised graph put back into float, one by one."""

import re
from collections.abc import Collection
from dataclasses import dataclass

import onnx

_SCOPES = "pkg.torch.onnx.name_scopes"


@dataclass(frozen=True)
class Product:
    """A MatMul with weights: the value it gives, by which both graphs know it; its name to the reader; rows
    and columns.
    """

    output: str
    label: str
    shape: tuple[int, ...]


def products(original: onnx.ModelProto) -> list[Product]:
    """Every MatMul with weights of the exported graph, in order."""
    weights = {tensor.name: tuple(tensor.dims) for tensor in original.graph.initializer}
    nodes = (node for node in original.graph.node if node.op_type == "MatMul" and node.input[1] in weights)
    return [Product(node.output[0], label(node), weights[node.input[1]]) for node in nodes]


def restore_float(
    quantised: onnx.ModelProto, original: onnx.ModelProto, outputs: Collection[str]
) -> onnx.ModelProto:
    """A copy of a quantised graph in which the MatMuls that give these values are what they were in the
    original.
    """
    floats = {node.output[0]: node for node in original.graph.node if node.output[0] in outputs}
    needed = {node.input[1] for node in floats.values()} - {
        tensor.name for tensor in quantised.graph.initializer
    }
    mixed = onnx.ModelProto()
    mixed.CopyFrom(quantised)
    del mixed.graph.node[:]
    mixed.graph.node.extend(floats.get(node.output[0], node) for node in quantised.graph.node)
    mixed.graph.initializer.extend(tensor for tensor in original.graph.initializer if tensor.name in needed)
    return mixed


def label(node: onnx.NodeProto) -> str:
    """The module that the exporter took the node from, or the node's own name."""
    text = next((entry.value for entry in node.metadata_props if entry.key == _SCOPES), "")
    scopes = [scope.strip(" '\"") for scope in text.strip("[]").split(",")]
    modules = [scope for scope in scopes[:-1] if scope]
    return re.sub(r"^(model\.)+", "", modules[-1]) if modules else node.name or node.output[0]
