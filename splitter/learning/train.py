"""Train a cut's codec against the whole model, quantisation in the loop, every level at once; resumable, within a budget of minutes."""

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from splitter.fitting import Floats, Transform
from splitter.learning.distil import Loss
from splitter.learning.network import Network

Enter = Callable[[dict[str, Tensor]], Tensor]
Advance = Callable[[int, int], None]
Networks = Mapping[str, Network]

_BATCH = 16
_PACE = 5e-4  # of a parameter's own size, at each step
_KEPT = 20  # steps between two savings of the state
_CHECKED, _LEAST_CHECKED = 8, 4  # of so many pictures one is held out, and at least so many, to see whether learning helped
_POWERS = (0.5, 4.0)  # within which the slope of loss over bits is believed
_DONE = "steps done"


@dataclass(frozen=True)
class Level:
    """One rate of one tensor while learning: its step, and a mask (tokens sent, channels) of the codes that are sent."""

    step: float
    sent: Tensor


@dataclass(frozen=True)
class Lesson:
    """What a cut's codec learns from: its boundary (pictures, tokens, width) by tensor name, the tail behind it, and the loss.

    `levels`: for each level its part for each tensor. `rate` scales what a bit counts against the loss; 1 keeps to the slope of the start.
    """

    boundary: Mapping[str, Floats]
    enter: Enter
    loss: Loss
    levels: Sequence[Mapping[str, Level]]
    rate: float = 1.0

    @property
    def count(self) -> int:
        return len(next(iter(self.boundary.values())))

    def points(self, networks: Networks, level: int, pictures: Sequence[int], turn: int = 0) -> tuple[Tensor, Tensor]:
        """The loss and the mean bits of some pictures at a level; rounding lets gradients through as if it were not there."""
        received, bits = {}, torch.zeros(())
        for name, network in networks.items():
            part = self.levels[level][name]
            coordinates = network(torch.from_numpy(self.boundary[name][list(pictures)]))
            bits = bits + network.bits(coordinates, part.step, part.sent).mean()
            rounded = (coordinates / part.step).round() * part.step * part.sent
            received[name] = network.synthesise(coordinates * part.sent + (rounded - coordinates * part.sent).detach())
        return self.loss(self.enter(received), pictures, turn), bits


@dataclass(frozen=True)
class Learned:
    """What came of it: transforms by tensor name, and the held-out objective before and after, 1 being that of the start."""

    transforms: dict[str, Transform]
    before: float
    after: float


def learn(
    starts: Mapping[str, Transform],
    lesson: Lesson,
    state: Path,
    steps: int,
    seconds: float,
    advance: Advance = lambda *_: None,
    clock: Callable[[], float] = time.monotonic,
) -> Learned:
    """Train for `steps`, or as long as `seconds` allow; gives the start back where that was better.

    `state` keeps what an interrupted run has learned; `advance` is told of steps done, of how many.
    """
    networks = {name: Network(start) for name, start in starts.items()}
    held, taught = _divided(lesson.count)
    scale = _scale(lesson, networks, held)
    before = _objective(lesson, networks, held, scale)
    deadline = clock() + seconds
    for step in _trained(networks, lesson, taught, scale, steps, state):
        advance(step, steps)
        if clock() > deadline:
            break
    after = _objective(lesson, networks, held, scale)
    if not after < before:
        return Learned(dict(starts), before, after)
    return Learned({name: network.transform(lesson.boundary[name]) for name, network in networks.items()}, before, after)


@dataclass(frozen=True)
class _Scale:
    """What a level's bits count against its loss, and what both together were at the start."""

    bit: float
    whole: float

    def of(self, loss: Tensor, bits: Tensor) -> Tensor:
        return (loss + self.bit * bits) / self.whole


def _divided(count: int) -> tuple[list[int], list[int]]:
    """Pictures held out to see whether learning helped, and those that teach."""
    held = set(range(0, count, max(1, count // max(_LEAST_CHECKED, count // _CHECKED))))
    return sorted(held), [index for index in range(count) if index not in held] or sorted(held)


@torch.no_grad()
def _scale(lesson: Lesson, networks: Networks, held: Sequence[int]) -> list[_Scale]:
    """A bit's worth by the slope between the levels themselves: loss falls as a power of bits, so d loss / d bits = power * loss / bits."""
    torch.manual_seed(0)
    points = [[float(part) for part in lesson.points(networks, level, held)] for level in range(len(lesson.levels))]
    losses, bits = np.maximum(np.array(points).T, 1e-9)
    power = -np.polyfit(np.log(bits), np.log(losses), 1)[0] if np.ptp(bits) > 0 else 1.0
    worth = lesson.rate * float(np.clip(power, *_POWERS)) * losses / bits
    return [_Scale(float(w), float(loss + w * b)) for w, loss, b in zip(worth, losses, bits, strict=True)]


@torch.no_grad()
def _objective(lesson: Lesson, networks: Networks, held: Sequence[int], scale: Sequence[_Scale]) -> float:
    """The mean over levels of loss and bits on held-out pictures; noise in the bits is the same each time."""
    torch.manual_seed(0)
    return float(np.mean([one.of(*lesson.points(networks, level, held)).item() for level, one in enumerate(scale)]))


def _trained(networks: Networks, lesson: Lesson, taught: Sequence[int], scale: Sequence[_Scale], steps: int, state: Path) -> Iterator[int]:
    """Train step by step, one level of one batch each, from where the state left off; yields the steps done."""
    modules = nn.ModuleDict(networks)
    optimiser = torch.optim.Adam([{"params": [p], "size": _size(p)} for p in modules.parameters()], betas=(0.9, 0.99))
    for step in range(_restored(modules, state), steps):
        rng = np.random.default_rng(step)
        torch.manual_seed(step)
        pictures, level = rng.choice(taught, min(_BATCH, len(taught)), replace=False).tolist(), step % len(scale)
        loss = scale[level].of(*lesson.points(networks, level, pictures, turn=step))
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        for group in optimiser.param_groups:
            group["lr"] = _PACE * group["size"] * _warmth(step, steps)
        optimiser.step()
        if step % _KEPT == _KEPT - 1:
            _save(modules, step + 1, state)
        yield step + 1


def _warmth(step: int, steps: int) -> float:
    """Up over the first twentieth, then down along a cosine."""
    return min(1.0, 20 * (step + 1) / steps) * 0.5 * (1 + math.cos(math.pi * step / steps))


def _size(parameter: Tensor) -> float:
    """A parameter's own size; one that begins at nothing is taken for one of a weight behind a hidden layer."""
    return float(parameter.detach().abs().mean()) or 0.1


def _save(modules: nn.Module, done: int, state: Path) -> None:
    aside = state.with_name(f"aside-{state.name}")
    save_file({name: values.contiguous() for name, values in modules.state_dict().items()} | {_DONE: torch.tensor(done)}, aside)
    aside.replace(state)


def _restored(modules: nn.Module, state: Path) -> int:
    """Steps done by an interrupted run, its weights loaded."""
    if not state.exists():
        return 0
    stored = load_file(state)
    done = int(stored.pop(_DONE))
    modules.load_state_dict(stored)
    return done
