"""Fit the codecs of a cut on calibration pictures: each knows its encoder, its manifest entry, and its
files.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Protocol

import numpy as np
import onnx

from protos import bundle_pb2 as pb
from protos import codec as wire
from protos.codec import zstd
from protos.codec.level import Level
from splitter.codecs.arrays import Floats, Tensors
from splitter.codecs.encoders import Encoder
from splitter.codecs.fitting import Transform
from splitter.codecs.weighed import Weighed
from splitter.graph.chain import Arrays

Graph = Callable[[], onnx.ModelProto]
Weighing = Mapping[str, Weighed]

UNTRAINED = ("fitted", "int8-zstd", "fp16-zstd")
# The share of the variance, seen through the metric, that quantisation may cost at each level: from no loss
# in any kind of question at a connector to the last that pays at an early cut.
DISTORTIONS = (0.003, 0.006, 0.012, 0.025, 0.045, 0.075, 0.12)
# The same where a learned codec begins: what it loses at them is less. Finer levels are the fitted codec's:
# with them in one network all learn more slowly, and what it has is spent on channels that the coarse ones do
# not send.
LEARNED_DISTORTIONS = (0.045, 0.057, 0.073, 0.092, 0.117, 0.149, 0.19, 0.24, 0.305)
_MARGIN = 0.02  # of a channel's range, beyond what calibration saw


class Coding(Protocol):
    """A codec fitted to one cut."""

    name: str

    def encoder(self) -> onnx.ModelProto | None:
        """The graph from boundary to codes, the same for all codecs of a kind; None where the boundary itself
        is coded.
        """

    def describe(self, boundary: Tensors, /) -> pb.Codec:
        """The manifest's entry, without files and measurements."""

    def sender(self) -> Arrays:
        """What this codec adds to the sender's file of its kind; both halves read it."""

    def receiver(self) -> Arrays:
        """What the receiver's file of its kind holds besides, the same for all codecs of the kind."""


def fit(
    calibration: Tensors, transforms: Mapping[str, Transform], kinds: Sequence[str] = UNTRAINED
) -> list[Coding]:
    """The codecs of these kinds for a cut, from its boundary on the calibration pictures: (pictures, tokens,
    width) by tensor name.

    `transforms`: of the fitted codec, that of each tensor.
    """
    made: list[Coding] = []
    if "fitted" in kinds:
        made += levels("fitted", transforms, steps_of(transforms, DISTORTIONS))
    if "int8-zstd" in kinds:
        made.append(Int8(calibration))
    if "fp16-zstd" in kinds:
        made.append(Fp16())
    return made


def fitted_transforms(calibration: Tensors, weighed: Weighing = MappingProxyType({})) -> dict[str, Transform]:
    """The fitted codec's transform of each tensor.

    `weighed`: by tensor name; of a tensor without it, tokens are coded one by one and all directions cost the
    same.
    """
    return {name: weighed.get(name, Weighed()).transform(values) for name, values in calibration.items()}


def write(entry: pb.Cut, codings: Sequence[Coding], bundle: Path) -> None:
    """The files of a cut's codecs, into a bundle and its manifest; those of one kind share an encoder, tables
    and weights.
    """
    for kind in dict.fromkeys(map(wire.kind, entry.codecs)):
        alike = [
            (spec, coding)
            for spec, coding in zip(entry.codecs, codings, strict=True)
            if wire.kind(spec) == kind
        ]
        name, (_, first) = f"codec-{entry.name}-{kind}", alike[0]
        encoder = _write_encoder(bundle, f"edge/{name}.onnx", first.encoder())
        sender = _write_arrays(
            bundle,
            f"edge/{name}.npz",
            {key: array for _, one in alike for key, array in one.sender().items()},
        )
        receiver = _write_arrays(bundle, f"cloud/{name}.npz", first.receiver())
        for spec, _ in alike:
            spec.encoder, spec.sender, spec.receiver = encoder, sender, receiver


def _write_encoder(bundle: Path, path: str, model: onnx.ModelProto | None) -> str:
    """Gives the path, or nothing where there is nothing to write."""
    if model is None:
        return ""
    onnx.save(model, bundle / path)
    return path


def _write_arrays(bundle: Path, path: str, arrays: Arrays) -> str:
    if not arrays:
        return ""
    np.savez_compressed(bundle / path, **arrays)  # type: ignore[arg-type] # numpy's stub takes the names for allow_pickle
    return path


class Int8:
    """Per-channel INT8 and zstd: the plain one."""

    name = "int8-zstd"

    def __init__(self, calibration: Tensors) -> None:
        self._ranges = {
            name: _range(values.reshape(-1, values.shape[-1])) for name, values in calibration.items()
        }
        self._shapes = {name: values.shape[1:] for name, values in calibration.items()}

    def encoder(self) -> onnx.ModelProto:
        graph = Encoder()
        for tensor, (low, scale) in self._ranges.items():
            graph.quantise(tensor, self._shapes[tensor], low, scale)
        return graph.model()

    def describe(self, boundary: Tensors) -> pb.Codec:
        return _describe(self.name, boundary, "uint8")

    def sender(self) -> Arrays:
        return {}

    def receiver(self) -> Arrays:
        """`scale/TENSOR`, and `zero/TENSOR` in steps of it."""
        scales: Arrays = {f"scale/{name}": scale for name, (_, scale) in self._ranges.items()}
        return scales | {
            f"zero/{name}": (-low / scale).astype(np.float32) for name, (low, scale) in self._ranges.items()
        }


class Fp16:
    """FP16 and zstd: the reference."""

    name = "fp16-zstd"

    def encoder(self) -> None:
        return None

    def describe(self, boundary: Tensors) -> pb.Codec:
        return _describe(self.name, boundary, "float16")

    def sender(self) -> Arrays:
        return {}

    def receiver(self) -> Arrays:
        return {}


class Transformed:
    """A level of the fitted codec or of the learned one: a transform, one step, static tables. All levels of
    a cut share the transform.
    """

    def __init__(
        self,
        kind: str,
        number: int,
        transforms: Mapping[str, Transform],
        levels: Mapping[str, Level],
        graph: Graph | None,
    ) -> None:
        self.name, self._kind = f"{kind}-{number}", kind
        self.levels, self._transforms, self._graph = levels, transforms, graph

    def encoder(self) -> onnx.ModelProto:
        return self._graph() if self._graph else _projection(self._transforms)

    def describe(self, _boundary: Tensors) -> pb.Codec:
        codec = pb.Codec(name=self.name, kind=self._kind)
        for tensor, level in self.levels.items():
            codec.tensors.add(
                codes=pb.TensorSpec(name=tensor, dtype="int16", shape=level.which.shape),
                max_bytes=level.max_bytes,
            )
        return codec

    def sender(self) -> Arrays:
        return {
            key: array
            for tensor, level in self.levels.items()
            for key, array in level.arrays(self.name, tensor).items()
        }

    def receiver(self) -> Arrays:
        return {
            key: array
            for tensor, fitted in self._transforms.items()
            for key, array in fitted.synthesis.arrays(tensor).items()
        }


def levels(
    kind: str,
    transforms: Mapping[str, Transform],
    steps: Mapping[str, Sequence[float]],
    graph: Graph | None = None,
) -> Iterator[Transformed]:
    """All levels of a codec, for each tensor's steps, on one transform to what the finest of them sends.

    `graph` makes the sender's half, where that is not the transform alone.
    """
    made = {name: [whole.level(step) for step in steps[name]] for name, whole in transforms.items()}
    sent = {name: whole.kept(made[name]) for name, whole in transforms.items()}
    shared = {name: whole.first(*sent[name]) for name, whole in transforms.items()}
    for number in range(len(next(iter(steps.values())))):
        yield Transformed(
            kind,
            number + 1,
            shared,
            {name: one[number].first(*sent[name]) for name, one in made.items()},
            graph,
        )


def _projection(transforms: Mapping[str, Transform]) -> onnx.ModelProto:
    graph = Encoder()
    for tensor, fitted in transforms.items():
        graph.project(tensor, fitted)
    return graph.model()


def steps_of(transforms: Mapping[str, Transform], distortions: Sequence[float]) -> dict[str, list[float]]:
    """The steps of some levels, by tensor."""
    return {
        name: [whole.step(distortion) for distortion in distortions] for name, whole in transforms.items()
    }


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
        codec.tensors.add(codes=spec, max_bytes=zstd.max_bytes(raw))
    return codec
