"""What a cut's codec learns from, and what a picture costs at a level."""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from splitter.codecs.arrays import Doubles, Tensors
from splitter.codecs.fitting import Transform
from splitter.codecs.fitting import bits as bits_of
from splitter.codecs.learning.autocast import Loss
from splitter.codecs.learning.network import Network
from splitter.codecs.levels import steps_of
from splitter.codecs.sensitivity import pictures_at_once
from splitter.codecs.tail_from import CutTail

Networks = Mapping[str, Network]

BATCH = 16
# The share of the variance that quantisation may cost at each level, from where a fitted codec ends. Finer
# levels are the fitted codec's: with them in one network all learn more slowly, and what it has is spent on
# channels that the coarse ones do not send.
LEARNED_DISTORTIONS = (0.045, 0.057, 0.073, 0.092, 0.117, 0.149, 0.19, 0.24, 0.305)
_LOOKED_AT = 16  # pictures, for how large a tensor is
_NEAR = 0.05  # what an error of the tensor itself weighs beside what it does to the answers
# of so many pictures one is held out, and at least and at most so many
_CHECKED, _MIN_CHECKED, _MAX_CHECKED = 8, 4, 32
_MIN_VARIANCE = 1e-9
_MAX_HALF = 3e4  # in two bytes a number
_MAX_LEARNED = 768 << 20  # bytes of the boundaries that a codec learns from


class Costs(NamedTuple):
    """Of each of some pictures (pictures): the loss, the share of the tensors' variance that is lost,
    bits.
    """

    loss: Tensor
    lost: Tensor
    bits: Tensor

    def of(self, before: Self) -> Tensor:
        """All together, each as a share of what it was, the mean over pictures: 2 and a little at the
        start.
        """
        loss, lost, bits = (now / then for now, then in zip(self, before, strict=True))
        return torch.as_tensor((loss + _NEAR * lost + bits).mean())


@dataclass(frozen=True)
class TrainingSet:
    """What a cut's codec learns from: the fitted transforms by tensor name, each tensor's steps from the
    finest level, and the loss.

    `boundary`: that of the pictures to learn from, (pictures, tokens, width) by tensor name: `distinct` of
    them, of which some are held out, and then others, which have nothing of those. `at_once`: so many of them
    fit into memory.
    """

    starts: Mapping[str, Transform]
    steps: Mapping[str, Sequence[float]]
    boundary: Mapping[str, NDArray[np.floating]]
    distinct: int
    loss: Loss
    at_once: int = BATCH

    @property
    def levels(self) -> int:
        return len(next(iter(self.steps.values())))

    def networks(self) -> dict[str, Network]:
        some = {
            name: np.asarray(values[: self._sample_size], np.float32)
            for name, values in self.boundary.items()
        }
        return {
            name: Network(start, some[name], self.steps[name][self.levels // 2])
            for name, start in self.starts.items()
        }

    def divided(self) -> tuple[list[int], list[int]]:
        """Pictures held out to see whether learning helped, and those to learn from."""
        held = held_out(self.distinct)
        every = range(len(next(iter(self.boundary.values()))))
        return held, sorted(set(every) - set(held)) or held

    def costs(self, networks: Networks, levels: Sequence[float], pictures: Sequence[int], turn: int) -> Costs:
        """What each picture costs at its level, a place in the order of steps or between two."""
        exact = {
            name: torch.from_numpy(values[list(pictures)].astype(np.float32))
            for name, values in self.boundary.items()
        }
        received, lost, bits = {}, torch.zeros(len(pictures)), torch.zeros(len(pictures))
        for name, network in networks.items():
            step = torch.from_numpy(between(self.steps[name], levels))[:, None, None]
            received[name], cost = network(exact[name], step)
            lost = lost + (received[name] - exact[name]).square().mean((1, 2)) / self._variances[name]
            bits = bits + cost
        return Costs(self.loss(received, exact, pictures, turn), lost, bits)

    def lengths(self, transforms: Mapping[str, Transform]) -> Doubles:
        """Bits of a held-out picture at each level (levels), with the level's own tables."""
        held = held_out(self.distinct)
        each = [
            [_length(one, self.boundary[name][held], step) for step in self.steps[name]]
            for name, one in transforms.items()
        ]
        return np.asarray(np.sum(each, axis=0))

    @cached_property
    def _variances(self) -> dict[str, float]:
        return {
            name: float(np.var(values[: self._sample_size].astype(np.float32))) + _MIN_VARIANCE
            for name, values in self.boundary.items()
        }

    @property
    def _sample_size(self) -> int:
        """How many pictures tell how large a tensor is: the same ones, however many others there are."""
        return min(_LOOKED_AT, self.distinct)


def training_set(tail: CutTail, boundary: Tensors, fitted: Mapping[str, Transform]) -> TrainingSet:
    """What the learned codec of a cut learns from. It begins with the fitted one's transforms, as far as its
    finest level sends them.
    """
    steps = steps_of(fitted, LEARNED_DISTORTIONS)
    starts = {name: one.first(*one.kept([one.level(steps[name][0])])) for name, one in fitted.items()}
    some = {name: torch.from_numpy(values[:BATCH]) for name, values in boundary.items()}
    one = {name: values[:1] for name, values in boundary.items()}
    at_once = pictures_at_once(tail.enter, tail.fisher_target(), one, tail.weights)
    kept: dict[str, NDArray[np.floating]]
    kept = {
        name: values.astype(np.float16 if np.abs(values).max() < _MAX_HALF else np.float32)
        for name, values in boundary.items()
    }
    return TrainingSet(starts, steps, kept, len(next(iter(boundary.values()))), tail.loss(some), at_once)


def with_further(known: TrainingSet, further: Iterable[Tensors], until: float = np.inf) -> TrainingSet:
    """The same with the boundary of other pictures, some at a time: as many as have room in memory, and come
    before the moment `until`.
    """
    parts = {name: [values] for name, values in known.boundary.items()}
    for taken in further:
        for name, values in taken.items():
            kind = parts[name][0].dtype
            parts[name].append(
                (values.clip(-_MAX_HALF, _MAX_HALF) if kind == np.float16 else values).astype(kind)
            )
        if (
            time.monotonic() > until
            or sum(values.nbytes for arrays in parts.values() for values in arrays) > _MAX_LEARNED
        ):
            break
    return replace(known, boundary={name: np.concatenate(arrays) for name, arrays in parts.items()})


def _length(one: Transform, values: NDArray[np.floating], step: float) -> float:
    return bits_of(one.sent(values.astype(np.float32), step), one.level(step))


def held_out(distinct: int) -> list[int]:
    """Which of so many pictures are held out: nothing is learned from them."""
    count = min(_MAX_CHECKED, max(_MIN_CHECKED, distinct // _CHECKED))
    return list(range(0, distinct, max(1, distinct // count)))


def between(values: Sequence[float] | Doubles, levels: Sequence[float]) -> NDArray[np.float32]:
    """What lies at places in the order of levels, by the logarithm."""
    return np.exp(np.interp(levels, range(len(values)), np.log(values))).astype(np.float32)
