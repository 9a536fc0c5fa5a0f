"""A chain of pieces as files of a bundle."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import onnx

from protos import bundle_pb2 as pb
from splitter.codecs.arrays import Tensors
from splitter.evaluate.evaluation_set import EvaluationSet
from splitter.graph.chain import Chain
from splitter.graph.cut_plan import CutPlan
from splitter.graph.export import PIXELS, graph_name
from splitter.graph.files import save


def write_pieces(
    chain: Chain,
    evaluation: EvaluationSet,
    plan: CutPlan,
    pieces: Sequence[onnx.ModelProto],
    staging: Path,
    folder: str = "edge",
) -> Iterator[pb.Piece]:
    """The chain of pieces into a folder, each under its number and cut."""
    one = evaluation.held_out[:1]
    before = [pb.TensorSpec(name=PIXELS, dtype="float32", shape=one.shape[1:])]
    for number, (cut, piece, arrays) in enumerate(zip(plan.cuts, pieces, chain.run(one), strict=True)):
        path = f"{folder}/{number:02d}-{cut}.onnx"
        save(piece, staging / path)
        boundary = plan.boundary(cut, arrays)
        after = tensor_specs({graph_name(cut, tensor): values for tensor, values in boundary.items()})
        yield pb.Piece(path=path, cut=cut, inputs=before, outputs=after)
        before = after


def tensor_specs(boundary: Tensors) -> list[pb.TensorSpec]:
    """Names and shapes of tensors, without their batch dimension."""
    return [pb.TensorSpec(name=t, dtype="float32", shape=v.shape[1:]) for t, v in boundary.items()]
