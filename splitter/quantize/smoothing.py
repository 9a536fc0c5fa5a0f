"""Outlier channels evened out before a graph is quantised, exactly and at no cost when it runs.

INT8 activations have one step for all channels: where three reach a hundred times as far as the others,
nothing is left of those. What makes the channels (a normalisation's weights, or the product that gives
attention its values) is divided by a scale a channel, and the rows of the MatMuls that take them are
multiplied by it (SmoothQuant: Xiao et al. 2022, https://arxiv.org/abs/2211.10438, with migration strength
0.5). Scales are powers of two, so that the FP32 graph stays the same bit by bit; that costs INT8 almost
nothing.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, numpy_helper

from splitter.graph.chain import Feeds
from splitter.quantize.reach import Reaches, reaches

_NORMS = {"LayerNormalization", "RMSNormalization", "SimplifiedLayerNormalization"}
_ATTENTION, _VALUES = "MultiHeadAttention", 2  # the place of the values among what it takes
_LEAST = 1e-6  # of the farthest channel's reach: what a channel that is never used counts as


@dataclass(frozen=True)
class Seam:
    """A value whose channels can be scaled: the weights that make them, last axis, and the matrices that take
    them, first axis.
    """

    value: str
    channels: int
    makers: Sequence[str]
    takers: Sequence[str]


def smooth(model: onnx.ModelProto, feeds: Feeds, threads: int = 1) -> None:
    """Fold scales into the weights on both sides of every seam, in place, by what some feeds make of it."""
    fold(model, reaches(model, seam_channels(model), feeds, threads))


def seam_channels(model: onnx.ModelProto) -> dict[str, int]:
    """The value of every seam, and its channels: whose reaches `fold` needs."""
    return {seam.value: seam.channels for seam in seams(model)}


def fold(model: onnx.ModelProto, reach: Reaches) -> None:
    """Fold scales into the weights on both sides of every seam, in place."""
    weights = {tensor.name: tensor for tensor in model.graph.initializer}
    for seam in seams(model):
        takers = [numpy_helper.to_array(weights[name]) for name in seam.takers]
        rows = np.max([np.abs(matrix).max(1) for matrix in takers], axis=0)
        scale = _scale(reach[seam.value], rows)
        for name in seam.makers:
            _put(weights[name], numpy_helper.to_array(weights[name]) / scale)
        for name, matrix in zip(seam.takers, takers, strict=True):
            _put(weights[name], matrix * scale[:, None])


def seams(model: onnx.ModelProto) -> list[Seam]:
    """Where scales can be folded: behind normalisations and behind attention's values, where nothing but
    MatMuls with weights takes what they give.

    A vector that several nodes share, as the exporter lets those that are equal, is first copied for each.
    """
    _unshare(model.graph)
    wiring = _Wiring(model.graph)
    return [seam for node in model.graph.node if (seam := wiring.seam(node))]


def _unshare(graph: onnx.GraphProto) -> None:
    vectors = {
        tensor.name: tensor
        for tensor in graph.initializer
        if len(tensor.dims) == 1 and tensor.data_type == TensorProto.FLOAT
    }
    taken: set[str] = set()
    for node in graph.node:
        for place, name in enumerate(node.input):
            if name in taken and name in vectors:
                node.input[place] = f"{name}/{node.output[0]}/{place}"
                graph.initializer.add().CopyFrom(vectors[name])
                graph.initializer[-1].name = node.input[place]
            taken.add(name)


def _scale(reach: NDArray[np.float32], rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """By which each channel is divided: sqrt(reach / row), as a power of two."""
    far, large = (np.maximum(values, max(values.max() * _LEAST, 1e-30)) for values in (reach, rows))
    return np.exp2(np.rint(np.log2(far / large) / 2)).astype(np.float32)


def _put(tensor: onnx.TensorProto, values: NDArray[np.float32]) -> None:
    tensor.CopyFrom(numpy_helper.from_array(values.astype(np.float32), tensor.name))


class _Wiring:
    """Who makes and who takes each value of a graph."""

    def __init__(self, graph: onnx.GraphProto) -> None:
        self._weights = {
            tensor.name: tuple(tensor.dims)
            for tensor in graph.initializer
            if tensor.data_type == TensorProto.FLOAT
        }
        self._outputs = {value.name for value in graph.output}
        self._makers = {name: node for node in graph.node for name in node.output}
        self._takers: dict[str, list[onnx.NodeProto]] = defaultdict(list)
        for node in graph.node:
            for name in node.input:
                self._takers[name].append(node)

    def seam(self, node: onnx.NodeProto) -> Seam | None:
        """The seam behind a node, if there is one."""
        if node.op_type == _ATTENTION:
            value, makers = self._reshaped(node.output[0]), self._projection(node.input[_VALUES])
        else:
            value, makers = node.output[0], self._gains(node)
        takers = [taker.input[1] for taker in self._takers[value] if self._multiplies(taker, value)]
        if not makers or not takers or len(takers) < len(self._takers[value]) or value in self._outputs:
            return None
        channels = self._weights[takers[0]][0]
        fitting = all(self._weights[name][-1:] == (channels,) for name in makers)
        unshared = all(len(self._takers[name]) == 1 for name in (*makers, *takers))
        return Seam(value, channels, makers, takers) if fitting and unshared else None

    def _multiplies(self, taker: onnx.NodeProto, value: str) -> bool:
        """Whether it is a MatMul of the value with weights."""
        matrix = self._weights.get(taker.input[1], ()) if taker.op_type == "MatMul" else ()
        return len(matrix) == 2 and taker.input[0] == value

    def _gains(self, node: onnx.NodeProto) -> list[str]:
        """What a normalisation multiplies each channel by and adds to it; none of any other node."""
        if node.op_type == "Mul":  # the end of an RMS normalisation, written out
            gains = [name for name in node.input if len(self._weights.get(name, ())) == 1]
            return gains if len(gains) == 1 else []
        gains = [name for name in node.input[1:] if name] if node.op_type in _NORMS else []
        return gains if all(name in self._weights for name in gains) else []

    def _projection(self, value: str) -> list[str]:
        """The weights and the bias that make a value, where nothing else takes it on the way."""
        makers: list[str] = []
        while self._only_taken_here(value):
            node = self._makers[value]
            constants = [name for name in node.input if name in self._weights]
            if node.op_type == "MatMul" and constants == [node.input[1]]:
                return [*makers, *constants]
            if node.op_type == "Add" and len(constants) == 1:
                makers += constants
            elif node.op_type != "Reshape":
                break
            value = next(name for name in node.input if name not in self._weights)
        return []

    def _reshaped(self, value: str) -> str:
        """A value behind all reshapes: the last axis keeps its order where it ends as wide as it began."""
        while self._only_taken_here(value) and self._takers[value][0].op_type == "Reshape":
            value = self._takers[value][0].output[0]
        return value

    def _only_taken_here(self, value: str) -> bool:
        return len(self._takers[value]) == 1 and value in self._makers and value not in self._outputs
