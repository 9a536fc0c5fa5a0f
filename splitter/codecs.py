"""Fit the codecs of a cut on calibration pictures: each knows its ONNX nodes, its manifest entry, and its two files."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import onnx
from numpy.typing import NDArray

from protos import bundle_pb2 as pb
from protos import codec as wire
from protos import rans
from splitter.senders import Sender

Floats = NDArray[np.float32]
Tensors = Mapping[str, Floats]
Arrays = dict[str, NDArray[np.generic]]

DISTORTIONS = (0.02, 0.04, 0.08, 0.16)  # share of the variance that quantisation may cost, level by level
_MARGIN = 0.02  # of a channel's range, beyond what calibration saw
_MOST_ROWS = 40_000  # of calibration tokens that a step is searched on


class Coding(Protocol):
    """A codec fitted to one cut."""

    name: str

    def add(self, piece: onnx.ModelProto, cut: str) -> None:
        """Give the piece that ends at the cut this codec's outputs."""

    def describe(self, boundary: Tensors) -> pb.Codec:
        """The manifest's entry, without files and measurements."""

    def sender(self) -> Arrays:
        """What the sender's file holds; empty if it needs none."""

    def receiver(self) -> Arrays:
        """What the receiver's file holds; empty if it needs none."""


def fit(calibration: Tensors) -> list[Coding]:
    """Every codec of a cut, from its boundary on the calibration pictures: (pictures, tokens, width) by tensor name."""
    return [*_fit_levels(calibration), Int8(calibration), Fp16()]


class Int8:
    """Per-channel INT8 and zstd: the plain one."""

    name = wire.Int8Zstd.name

    def __init__(self, calibration: Tensors) -> None:
        self._ranges = {name: _range(values.reshape(-1, values.shape[-1])) for name, values in calibration.items()}

    def add(self, piece: onnx.ModelProto, cut: str) -> None:
        for tensor, (low, scale) in self._ranges.items():
            Sender(piece, cut, self.name, tensor).quantise(low, scale)

    def describe(self, boundary: Tensors) -> pb.Codec:
        return _describe(self.name, boundary, "uint8")

    def sender(self) -> Arrays:
        return {}

    def receiver(self) -> Arrays:
        """`scale/TENSOR`, and `zero/TENSOR` in steps of it."""
        scales: Arrays = {f"scale/{name}": scale for name, (_, scale) in self._ranges.items()}
        return scales | {f"zero/{name}": (-low / scale).astype(np.float32) for name, (low, scale) in self._ranges.items()}


class Fp16:
    """FP16 and zstd: the reference."""

    name = wire.Fp16Zstd.name

    def add(self, piece: onnx.ModelProto, cut: str) -> None:
        for value in [output.name for output in piece.graph.output if output.name.startswith(f"{cut}/")]:
            Sender(piece, cut, self.name, value.removeprefix(f"{cut}/")).cast()

    def describe(self, boundary: Tensors) -> pb.Codec:
        return _describe(self.name, boundary, "float16")

    def sender(self) -> Arrays:
        return {}

    def receiver(self) -> Arrays:
        return {}


@dataclass(frozen=True)
class Axes:
    """The principal directions of a tensor around its mean at each position; `coordinates` (rows, width) of the calibration."""

    mean: Floats
    basis: Floats
    coordinates: Floats

    def step(self, distortion: float) -> float:
        """The step at which rounding all coordinates costs this share of their variance (at high rate, reverse water-filling)."""
        rows = self.coordinates[:: max(1, len(self.coordinates) // _MOST_ROWS)].astype(np.float64)
        allowed = distortion * np.square(rows).sum()
        low, high = 1e-6, 4 * float(np.abs(rows).max()) + 1e-6
        for _ in range(40):
            middle = (low * high) ** 0.5
            lost = np.square(rows - np.round(rows / middle) * middle).sum()
            low, high = (middle, high) if lost < allowed else (low, middle)
        return low


@dataclass(frozen=True)
class Level:
    """One rate of the fitted codec for one tensor: a step and tables for the channels that are ever anything but 0."""

    step: float
    tables: rans.Tables


class Fitted:
    """Mean, principal directions, one step, static tables. All levels of a cut share the projection."""

    def __init__(self, number: int, axes: Mapping[str, Axes], levels: Mapping[str, Level]) -> None:
        self.name = f"{wire.Fitted.name}-{number}"
        self._axes, self._levels = axes, levels

    def add(self, piece: onnx.ModelProto, cut: str) -> None:
        for tensor, level in self._levels.items():
            projected = _project_once(piece, cut, tensor, self._axes[tensor])
            Sender(piece, cut, self.name, tensor).round(projected, level.step, level.tables.low, level.tables.high)

    def describe(self, boundary: Tensors) -> pb.Codec:
        codec = pb.Codec(name=self.name, kind=wire.Fitted.name)
        for tensor, level in self._levels.items():
            shape = (boundary[tensor].shape[1], len(level.tables.low))
            codec.tensors.add(codes=pb.TensorSpec(name=tensor, dtype="int16", shape=shape), most_bytes=rans.most_bytes(shape[0] * shape[1]))
        return codec

    def sender(self) -> Arrays:
        return {key: array for tensor, level in self._levels.items() for key, array in wire.table_arrays(tensor, level.tables).items()}

    def receiver(self) -> Arrays:
        arrays = self.sender()
        for tensor, level in self._levels.items():
            axes = self._axes[tensor]
            kept = wire.Projection(level.step, axes.basis[: len(level.tables.low)], axes.mean)
            arrays |= wire.projection_arrays(tensor, kept)
        return arrays


def _fit_levels(calibration: Tensors) -> Iterator[Fitted]:
    axes = {name: _axes(values) for name, values in calibration.items()}
    for number, distortion in enumerate(DISTORTIONS, 1):
        yield Fitted(number, axes, {name: _level(a.coordinates, a.step(distortion)) for name, a in axes.items()})


def _axes(values: Floats) -> Axes:
    mean = values.mean(0)
    centred = (values - mean).reshape(-1, values.shape[-1]).astype(np.float64)
    _, vectors = np.linalg.eigh(centred.T @ centred)
    basis = vectors[:, ::-1].T
    return Axes(mean, basis.astype(np.float32), (centred @ basis.T).astype(np.float32))


def _level(coordinates: Floats, step: float) -> Level:
    codes = np.round(coordinates / step).astype(np.int64)
    alive = np.flatnonzero(np.abs(codes).max(0))
    kept = codes[:, : int(alive[-1]) + 1 if len(alive) else 1]
    room = 1 + (kept.max(0) - kept.min(0)) // 8
    low, high = kept.min(0) - room, kept.max(0) + room
    counts = [np.bincount(kept[:, c] - low[c], minlength=int(high[c] - low[c]) + 1) for c in range(kept.shape[1])]
    return Level(step, rans.Tables([int(v) for v in low], [rans.frequencies(count) for count in counts]))


def _project_once(piece: onnx.ModelProto, cut: str, tensor: str, axes: Axes) -> str:
    """The coordinates, computed once for all levels."""
    made = f"{wire.Fitted.name}/{tensor}/matmul"
    if any(made in node.output for node in piece.graph.node):
        return made
    return Sender(piece, cut, wire.Fitted.name, tensor).project(axes.mean, axes.basis)


def _range(values: Floats) -> tuple[Floats, Floats]:
    """Low and scale of every channel, a little wider than what was seen."""
    low, high = values.min(0).astype(np.float64), values.max(0).astype(np.float64)
    margin = (high - low) * _MARGIN
    scale = np.maximum((high - low + 2 * margin) / 255, 1e-8)
    return (low - margin).astype(np.float32), scale.astype(np.float32)


def _describe(name: str, boundary: Tensors, dtype: str) -> pb.Codec:
    """The manifest's entry of a codec whose codes have the boundary's own shapes."""
    codec = pb.Codec(name=name)
    for tensor, values in boundary.items():
        spec = pb.TensorSpec(name=tensor, dtype=dtype, shape=values.shape[1:])
        raw = int(np.prod(values.shape[1:])) * np.dtype(dtype).itemsize
        codec.tensors.add(codes=spec, most_bytes=wire.most_bytes(raw))
    return codec
