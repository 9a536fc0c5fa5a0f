"""Graphs without what nobody reads: dead nodes and weights, weights held twice, shapes, and where in the
source a node came from.
"""

import onnx
import onnx_ir as ir
from onnx_ir.passes import common

_PASSES = ir.passes.Sequential(
    common.RemoveUnusedNodesPass(),
    common.DeduplicateHashedInitializersPass(),
    common.ClearMetadataAndDocStringPass(),
)


def slim(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy that computes the same. Its inner shapes are gone (onnxruntime infers its own), and so is the
    exporter's stack of calls.
    """
    passed = _PASSES(ir.serde.deserialize_model(model)).model
    slimmed: onnx.ModelProto = ir.serde.serialize_model(passed)
    del slimmed.graph.value_info[:]
    del slimmed.metadata_props[:]
    return slimmed
