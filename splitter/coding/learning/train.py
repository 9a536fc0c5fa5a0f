"""Train both ends of a cut's codec against the model behind it, every level at once; resumable, within a budget of minutes."""

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from splitter.coding.fitting import Transform
from splitter.coding.learning.distil import Boundary
from splitter.coding.learning.network import LearnedTransform, Network
from splitter.measuring.verify import in_batches

Advance = Callable[[int, int], None]
Networks = Mapping[str, Network]

_BATCH = 16
_PACE = 5e-4
_MOST_GRADIENT = 1.0  # one answer that turns has a long one
_NEAR = 0.1  # what an error of the tensor itself weighs beside what it does to the answers
_TAUGHT = 3  # levels, the coarsest: what is learned there serves the finer ones, where rounding costs next to nothing
_KEPT = 20  # steps between two savings of the state
_CHECKED, _LEAST_CHECKED, _MOST_CHECKED = 8, 4, 32  # of so many pictures one is held out, and at least and at most so many
_LEAST = 1e-9
_DONE, _SPENT = "steps done", "seconds spent"


class Loss(Protocol):
    """The mean loss of some pictures of which this was received, and the boundary was that; another `turn` asks other questions."""

    def __call__(self, received: Boundary, exact: Boundary, pictures: Sequence[int], turn: int, /) -> Tensor: ...


class Costs(NamedTuple):
    """Of some pictures, the means: the loss, the share of the tensors' variance that is lost, bits."""

    loss: Tensor
    lost: Tensor
    bits: Tensor

    def of(self, before: Sequence[float]) -> Tensor:
        """All together, each as a share of what it was: 2 and a little at the start."""
        loss, lost, bits = (now / then for now, then in zip(self, before, strict=True))
        return loss + _NEAR * lost + bits


@dataclass(frozen=True)
class Level:
    """One rate of one tensor while learning: its step, and a mask (tokens sent, channels) of the codes that are sent."""

    step: float
    sent: Tensor


@dataclass(frozen=True)
class Lesson:
    """What a cut's codec learns from: the fitted transforms by tensor name, for each level its part for each of them, and the loss.

    `boundary`: that of the pictures to learn from, (pictures, tokens, width) by tensor name, `distinct` of them first and then others, in
    the same order as often as there are: views of the same. `at_once`: so many of them fit into memory.
    """

    starts: Mapping[str, Transform]
    levels: Sequence[Mapping[str, Level]]
    boundary: Mapping[str, NDArray[np.floating]]
    distinct: int
    loss: Loss
    at_once: int = _BATCH

    def networks(self) -> dict[str, Network]:
        middle = self.levels[len(self.levels) // 2]
        some = {name: np.asarray(values[:_BATCH], np.float32) for name, values in self.boundary.items()}
        return {name: Network(start, some[name], middle[name].step) for name, start in self.starts.items()}

    def divided(self) -> tuple[list[int], list[int]]:
        """Pictures held out to see whether learning helped, and those that teach: no view of one that is held out."""
        count = min(_MOST_CHECKED, max(_LEAST_CHECKED, self.distinct // _CHECKED))
        held = range(0, self.distinct, max(1, self.distinct // count))
        every = range(len(next(iter(self.boundary.values()))))
        return list(held), [index for index in every if index % self.distinct not in held] or list(held)

    def taught(self, turn: int) -> int:
        """Which level is trained on."""
        return len(self.levels) - 1 - turn % min(_TAUGHT, len(self.levels))

    def costs(self, networks: Networks, level: int, pictures: Sequence[int], turn: int) -> Costs:
        """What a level costs on some pictures."""
        exact = {name: torch.from_numpy(values[list(pictures)].astype(np.float32)) for name, values in self.boundary.items()}
        received, lost, bits = {}, torch.zeros(()), torch.zeros(())
        for name, network in networks.items():
            part = self.levels[level][name]
            received[name], cost = network(exact[name], part.step, part.sent)
            lost = lost + (received[name] - exact[name]).square().mean() / self._variances[name]
            bits = bits + cost.mean()
        return Costs(self.loss(received, exact, pictures, turn), lost, bits)

    @cached_property
    def _variances(self) -> dict[str, float]:
        return {name: float(np.var(values[:_BATCH].astype(np.float32))) + _LEAST for name, values in self.boundary.items()}


@dataclass(frozen=True)
class Learned:
    """What came of it: networks by tensor name, and each level's loss and bits on held-out pictures, as a share of those of the start."""

    networks: Networks
    left: list[tuple[float, float]]

    @property
    def helped(self) -> bool:
        """Whether all levels together lose or cost less: by shares, as when a share of the one buys a share of the other."""
        return float(np.mean(np.log(self.left))) < 0

    def transforms(self, calibration: Mapping[str, NDArray[np.floating]]) -> dict[str, LearnedTransform]:
        """What the codec is made of, its tables from a calibration (pictures, tokens, width) by tensor name."""
        return {name: network.transform(np.asarray(calibration[name])) for name, network in self.networks.items()}


def learn(
    lesson: Lesson,
    state: Path,
    steps: int,
    seconds: float,
    advance: Advance = lambda *_: None,
    clock: Callable[[], float] = time.monotonic,
) -> Learned:
    """Train for `steps`, or as long as `seconds` allow.

    `state` keeps what an interrupted run has learned, and what it took of the budget; `advance` is told of steps done, of how many.
    """
    networks = lesson.networks()
    held, taught = lesson.divided()
    before = _objectives(lesson, networks, held)
    for step in _trained(networks, lesson, taught, before, _Course(state, steps, seconds, clock)):
        advance(step, steps)
    after = _objectives(lesson, networks, held)
    return Learned(networks, [(now[0] / then[0], now[2] / then[2]) for now, then in zip(after, before, strict=True)])


@torch.no_grad()
def _objectives(lesson: Lesson, networks: Networks, held: Sequence[int]) -> list[list[float]]:
    """The costs on held-out pictures, level by level."""
    return [_objective(lesson, networks, level, held) for level in range(len(lesson.levels))]


def _objective(lesson: Lesson, networks: Networks, level: int, held: Sequence[int]) -> list[float]:
    torch.manual_seed(level)  # the noise that tells bits
    parts = [held[part] for part in in_batches(len(held), lesson.at_once)]
    costs = np.array([[len(part) * float(cost) for cost in lesson.costs(networks, level, part, 0)] for part in parts])
    return [max(float(cost), _LEAST) for cost in costs.sum(0) / len(held)]


@dataclass
class _Course:
    """How far training has come, by steps or by the budget, whichever is further; `state` keeps it with the weights."""

    state: Path
    steps: int
    seconds: float
    clock: Callable[[], float]
    done: int = 0

    def __post_init__(self) -> None:
        self._began = self.clock()

    def resume(self, modules: nn.Module) -> None:
        """Load what an interrupted run had come to."""
        if self.state.exists():
            stored = load_file(self.state)
            self.done, self._began = int(stored.pop(_DONE)), self._began - float(stored.pop(_SPENT))
            modules.load_state_dict(stored)

    def save(self, modules: nn.Module) -> None:
        told = {_DONE: torch.tensor(self.done), _SPENT: torch.tensor(self.clock() - self._began, dtype=torch.float64)}
        aside = self.state.with_name(f"aside-{self.state.name}")
        save_file(modules.state_dict() | told, aside)
        aside.replace(self.state)

    @property
    def part(self) -> float:
        """0 at the start, 1 and more at the end."""
        return max(self.done / self.steps, (self.clock() - self._began) / self.seconds)


def _trained(
    networks: Networks, lesson: Lesson, taught: Sequence[int], before: Sequence[Sequence[float]], course: _Course
) -> Iterator[int]:
    """Train step by step, one level of one batch each, from where the state left off; yields the steps done."""
    modules = nn.ModuleDict(networks)
    course.resume(modules)
    optimiser = torch.optim.Adam(modules.parameters(), betas=(0.9, 0.98))
    while (part := course.part) < 1:
        torch.manual_seed(course.done)
        pictures, level = _drawn(taught, course.done), lesson.taught(course.done)
        optimiser.zero_grad()
        for rows in in_batches(len(pictures), lesson.at_once):
            some = pictures[rows]
            cost = lesson.costs(networks, level, some, course.done).of(before[level]) * (len(some) / len(pictures))
            torch.autograd.backward(cost)
        nn.utils.clip_grad_norm_(modules.parameters(), _MOST_GRADIENT)
        for group in optimiser.param_groups:
            group["lr"] = _pace(part)
        optimiser.step()
        course.done += 1
        if course.done % _KEPT == 0:
            course.save(modules)
        yield course.done


def _drawn(taught: Sequence[int], turn: int) -> list[int]:
    """The pictures of a batch; the turn alone says which."""
    return [int(index) for index in np.random.default_rng(turn).choice(taught, min(_BATCH, len(taught)), replace=False)]


def _pace(part: float) -> float:
    """Up over the first twentieth, then down along a cosine."""
    return _PACE * min(1.0, 20 * part + 0.01) * 0.5 * (1 + math.cos(math.pi * part))
