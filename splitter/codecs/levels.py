"""The levels of the fitted codec and of the learned one: one transform, a step and static tables a level."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType

import onnx

from protos import bundle_pb2 as pb
from protos.codec.level import Level
from splitter.codecs.arrays import Tensors
from splitter.codecs.encoders import Encoder
from splitter.codecs.fitting import Transform
from splitter.codecs.weighed import Weighed
from splitter.graph.chain import Arrays

Graph = Callable[[], onnx.ModelProto]
Weighing = Mapping[str, Weighed]


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


def fitted_transforms(calibration: Tensors, weighed: Weighing = MappingProxyType({})) -> dict[str, Transform]:
    """The fitted codec's transform of each tensor.

    `weighed`: by tensor name; of a tensor without it, tokens are coded one by one and all directions cost the
    same.
    """
    return {name: weighed.get(name, Weighed()).transform(values) for name, values in calibration.items()}
