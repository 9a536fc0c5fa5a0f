"""The sender's half of a learned codec as an ONNX graph."""

from collections.abc import Mapping, Sequence

import onnx
import torch
from torch import Tensor, nn

from protos import codec as wire
from splitter.codecs.learning.network import MAX_BATCH, LearnedTransform, Network
from splitter.graph.export import export
from splitter.quantize.dynamic import to_int8


def sender_graph(transforms: Mapping[str, LearnedTransform]) -> onnx.ModelProto:
    """The sender's half as a graph: boundary tensors by bare name, `per-step/TENSOR` and `finer/TENSOR` in,
    codes out.

    The small network's products with weights are in INT8, as a head's are; the fitted directions stay as they
    are.
    """
    shapes = [one.calibration.shape[1:] for one in transforms.values()]
    examples = (
        *(torch.zeros(2, *shape) for shape in shapes),
        *(torch.ones(()) for _ in range(2 * len(shapes))),
    )
    inputs = [*transforms, *(f"{part}/{name}" for part in ("per-step", "finer") for name in transforms)]
    batch = torch.export.Dim("batch", min=1, max=MAX_BATCH)
    dynamic = {"inputs": tuple({0: batch} if name in transforms else {} for name in inputs)}
    sender = _Sender([one.network for one in transforms.values()])
    graph = export(sender, examples, inputs, [wire.codes_name(name) for name in transforms], dynamic)
    return to_int8(graph, in_float=lambda weights: weights.endswith(("analysis", "turn")))


class _Sender(nn.Module):
    """Boundary tensors and the levels' scalars to codes, tensor by tensor."""

    def __init__(self, networks: Sequence[Network]) -> None:
        super().__init__()
        self._all, self._registered = list(networks), nn.ModuleList(networks)

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        count = len(self._all)
        tensors, per_steps, finer = (inputs[start : start + count] for start in range(0, 3 * count, count))
        each = zip(self._all, tensors, per_steps, finer, strict=True)
        return tuple(
            network.codes(network.in_steps(tensor, *steps), *steps) for network, tensor, *steps in each
        )
