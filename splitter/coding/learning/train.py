"""Train what a cut's receiver adds against the whole model, every level at once; resumable, within a budget of minutes."""

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from splitter.coding.fitting import Transform
from splitter.coding.learning.network import Network

Advance = Callable[[int, int], None]
Networks = Mapping[str, Network]

_BATCH = 16
_PACE = 1e-3
_MOST_GRADIENT = 1.0  # one answer that turns has a long one
_KEPT = 20  # steps between two savings of the state
_CHECKED, _LEAST_CHECKED = 8, 4  # of so many pictures one is held out, and at least so many, to see whether learning helped
_LEAST_LOSS = 1e-9
_DONE, _SPENT = "steps done", "seconds spent"


class Loss(Protocol):
    """The mean loss of some pictures, of the calibration's, whose boundary was received; another `turn` asks other questions."""

    def __call__(self, received: dict[str, Tensor], pictures: Sequence[int], turn: int, /) -> Tensor: ...


@dataclass(frozen=True)
class Level:
    """One rate of one tensor while learning: its step, and a mask (tokens sent, channels) of the codes that are sent."""

    step: float
    sent: Tensor


@dataclass(frozen=True)
class Lesson:
    """What a cut's receiver learns from: the fitted transforms by tensor name, for each level its part for each of them, and the loss."""

    starts: Mapping[str, Transform]
    levels: Sequence[Mapping[str, Level]]
    loss: Loss

    def networks(self) -> dict[str, Network]:
        return {name: Network(start, max(level[name].step for level in self.levels)) for name, start in self.starts.items()}

    def taught(self, turn: int) -> int:
        """Which level is trained on: the coarser half of them, for a finer one is corrected by next to nothing."""
        return len(self.levels) - 1 - turn % -(-len(self.levels) // 2)

    def received(self, networks: Networks, level: int, pictures: Sequence[int]) -> dict[str, Tensor]:
        """What comes back of some pictures at a level."""
        made = {}
        for name, network in networks.items():
            part = self.levels[level][name]
            coordinates = torch.from_numpy(self.starts[name].coordinates[list(pictures)])
            made[name] = network((coordinates / part.step).round() * part.step * part.sent, part.step)
        return made


@dataclass(frozen=True)
class Learned:
    """What came of it: transforms by tensor name, and each level's loss on held-out pictures, as a share of that of the start."""

    transforms: dict[str, Transform]
    left: list[float]

    @property
    def helped(self) -> bool:
        return float(np.mean(self.left)) < 1


def learn(
    lesson: Lesson,
    state: Path,
    steps: int,
    seconds: float,
    advance: Advance = lambda *_: None,
    clock: Callable[[], float] = time.monotonic,
) -> Learned:
    """Train for `steps`, or as long as `seconds` allow; gives the fitted transforms back where that helps no more on the whole.

    `state` keeps what an interrupted run has learned, and what it took of the budget; `advance` is told of steps done, of how many.
    """
    networks = lesson.networks()
    held, taught = _divided(len(next(iter(lesson.starts.values())).coordinates))
    before = _objectives(lesson, networks, held)
    for step in _trained(networks, lesson, taught, before, _Course(state, steps, seconds, clock)):
        advance(step, steps)
    left = [now / then for now, then in zip(_objectives(lesson, networks, held), before, strict=True)]
    learned = Learned({name: network.transform() for name, network in networks.items()}, left)
    return learned if learned.helped else Learned(dict(lesson.starts), left)


def _divided(count: int) -> tuple[list[int], list[int]]:
    """Pictures held out to see whether learning helped, and those that teach."""
    held = set(range(0, count, max(1, count // max(_LEAST_CHECKED, count // _CHECKED))))
    return sorted(held), [index for index in range(count) if index not in held] or sorted(held)


@torch.no_grad()
def _objectives(lesson: Lesson, networks: Networks, held: Sequence[int]) -> list[float]:
    """The loss on held-out pictures, level by level."""
    return [_objective(lesson, networks, level, held) for level in range(len(lesson.levels))]


def _objective(lesson: Lesson, networks: Networks, level: int, held: Sequence[int]) -> float:
    batches = [held[start : start + _BATCH] for start in range(0, len(held), _BATCH)]
    losses = [len(batch) * float(lesson.loss(lesson.received(networks, level, batch), batch, 0)) for batch in batches]
    return max(sum(losses) / len(held), _LEAST_LOSS)


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


def _trained(networks: Networks, lesson: Lesson, taught: Sequence[int], before: Sequence[float], course: _Course) -> Iterator[int]:
    """Train step by step, one level of one batch each, from where the state left off; yields the steps done."""
    modules = nn.ModuleDict(networks)
    course.resume(modules)
    optimiser = torch.optim.Adam(modules.parameters(), betas=(0.9, 0.99))
    while (part := course.part) < 1:
        pictures, level = _drawn(taught, course.done), lesson.taught(course.done)
        loss = lesson.loss(lesson.received(networks, level, pictures), pictures, course.done) / before[level]
        optimiser.zero_grad()
        torch.autograd.backward(loss)
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
