"""Train both ends of a cut's codec against the tail from it, all levels together; resumable, within a
budget of minutes.
"""

import math
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from splitter.codecs.arrays import Doubles
from splitter.codecs.learning.autocast import Loss, autocast_if_faster
from splitter.codecs.learning.network import LearnedTransform
from splitter.codecs.learning.training_set import BATCH, Costs, Networks, TrainingSet, between
from splitter.evaluate.verify import in_batches

Advance = Callable[[int, int], None]

_PACE, _LAWS_PACE = 1e-3, 5e-3  # of the networks; of the laws and zones of codes
_CAREFUL = 2e-4  # of the directions: faster, fine levels lose what the fitted ones had
_WARM = 50  # steps
_MAX_GRADIENT = 1.0  # one answer that turns has a long one
_MIN_COST = 1e-9
_KEPT = 20  # steps between two savings of the state
_DONE, _SPENT, _MOMENTS, _LEFT = "steps done", "seconds spent", "moments/", "left level by level"


@dataclass(frozen=True)
class Learned:
    """What came of it: networks by tensor name, and each level's loss and bits on held-out pictures, as a
    share of those of the start.
    """

    networks: Networks
    left: list[tuple[float, float]]

    @property
    def improved(self) -> bool:
        """Whether all levels together lose or cost less: by shares, as when a share of the one buys a share
        of the other.
        """
        return float(np.mean(np.log(self.left))) < 0

    def save(self, place: Path) -> None:
        """Into a file of safetensors."""
        save_file(
            nn.ModuleDict(self.networks).state_dict() | {_LEFT: torch.tensor(self.left, dtype=torch.float64)},
            place,
        )

    @classmethod
    def load(cls, place: Path, training_set: TrainingSet) -> Self:
        """What came of an earlier training, as `save` kept it."""
        stored, networks = load_file(place), training_set.networks()
        left = stored.pop(_LEFT)
        nn.ModuleDict(networks).load_state_dict(stored)
        return cls(networks, [(lost, bits) for lost, bits in left.tolist()])

    def transforms(self, calibration: Mapping[str, NDArray[np.floating]]) -> dict[str, LearnedTransform]:
        """What the codec is made of, its tables from a calibration (pictures, tokens, width) by tensor
        name.
        """
        return transforms_of(self.networks, calibration)


def transforms_of(
    networks: Networks, calibration: Mapping[str, NDArray[np.floating]]
) -> dict[str, LearnedTransform]:
    """What networks do, with tables from a calibration (pictures, tokens, width) by tensor name."""
    return {name: network.transform(calibration[name]) for name, network in networks.items()}


def learn(
    training_set: TrainingSet,
    state: Path,
    steps: int,
    seconds: float,
    advance: Advance = lambda *_: None,
    clock: Callable[[], float] = time.monotonic,
) -> Learned:
    """Train for `steps`, or as long as `seconds` allow, with the tail in BF16 where this machine is faster
    so.

    `state` keeps what an interrupted run has learned, and what it took of the budget; `advance` is told of
    steps done, of how many.
    """
    networks = training_set.networks()
    held, taught = training_set.divided()
    once = partial(_once, training_set, networks, held[: training_set.at_once])
    training_set = replace(training_set, loss=autocast_if_faster(training_set.loss, once))
    fitted = _objectives(training_set, networks, held)
    for network in networks.values():
        # all of it, as no fitted codec bears it: the receiver learns to make up for it
        nn.init.ones_(network.zone)
    before = _objectives(training_set, networks, held)
    for step in _trained(networks, training_set, taught, before, _Course(state, steps, seconds, clock)):
        advance(step, steps)
    lost = _objectives(training_set, networks, held)[0] / fitted[0]
    seen = {name: values[: training_set.distinct] for name, values in training_set.boundary.items()}
    learned = transforms_of(networks, seen)
    # by tables: a law that was learned calls the same codes shorter
    bits = training_set.lengths(learned) / training_set.lengths(training_set.starts)
    return Learned(networks, list(zip(lost.tolist(), bits.tolist(), strict=True)))


def _once(training_set: TrainingSet, networks: Networks, pictures: Sequence[int], loss: Loss) -> None:
    """A step's arithmetic, without the step."""
    torch.autograd.backward(
        replace(training_set, loss=loss).costs(networks, [0.0] * len(pictures), pictures, 0).loss.mean()
    )


@torch.no_grad()
def _objectives(training_set: TrainingSet, networks: Networks, held: Sequence[int]) -> Doubles:
    """The costs on held-out pictures: (costs, levels)."""
    return np.array(
        [_objective(training_set, networks, level, held) for level in range(training_set.levels)]
    ).T


def _objective(training_set: TrainingSet, networks: Networks, level: int, held: Sequence[int]) -> list[float]:
    torch.manual_seed(level)  # the noise that tells bits
    parts = [held[part] for part in in_batches(len(held), training_set.at_once)]
    costs = np.array(
        [
            [float(cost.sum()) for cost in training_set.costs(networks, [level] * len(part), part, 0)]
            for part in parts
        ]
    )
    return [max(float(cost), _MIN_COST) for cost in costs.sum(0) / len(held)]


@dataclass
class _Course:
    """How far training has come, by steps or by the budget, whichever is further; `state` keeps it with the
    weights and their moments.
    """

    state: Path
    steps: int
    seconds: float
    clock: Callable[[], float]
    done: int = 0

    def __post_init__(self) -> None:
        self._began = self.clock()

    def resume(self, modules: nn.Module, optimiser: torch.optim.Optimizer) -> None:
        """Load what an interrupted run had come to."""
        if not self.state.exists():
            return
        stored = load_file(self.state)
        self.done, self._began = int(stored.pop(_DONE)), self._began - float(stored.pop(_SPENT))
        moments = defaultdict[int, dict[str, Tensor]](dict)
        for key in [key for key in stored if key.startswith(_MOMENTS)]:
            index, name = key.removeprefix(_MOMENTS).split("/")
            moments[int(index)][name] = stored.pop(key)
        modules.load_state_dict(stored)
        optimiser.load_state_dict(optimiser.state_dict() | {"state": dict(moments)})

    def save(self, modules: nn.Module, optimiser: torch.optim.Optimizer) -> None:
        told = {
            _DONE: torch.tensor(self.done),
            _SPENT: torch.tensor(self.clock() - self._began, dtype=torch.float64),
        }
        each = optimiser.state_dict()["state"]
        moments = {
            f"{_MOMENTS}{index}/{name}": values
            for index, state in each.items()
            for name, values in state.items()
        }
        aside = self.state.with_name(f"aside-{self.state.name}")
        save_file(modules.state_dict() | told | moments, aside)
        aside.replace(self.state)

    @property
    def part(self) -> float:
        """0 at the start, 1 and more at the end."""
        return max(self.done / self.steps, (self.clock() - self._began) / self.seconds)


def _trained(
    networks: Networks, training_set: TrainingSet, taught: Sequence[int], before: Doubles, course: _Course
) -> Iterator[int]:
    """Train step by step, each picture of a batch at a level of its own, from where the state left off;
    yields the steps done.
    """
    modules = nn.ModuleDict(networks)
    optimiser = optimiser_of(networks)
    course.resume(modules, optimiser)
    while (part := course.part) < 1:
        torch.manual_seed(course.done)
        pictures, levels = _drawn(taught, training_set.levels, course.done)
        optimiser.zero_grad()
        for rows in in_batches(len(pictures), training_set.at_once):
            some, places = pictures[rows], levels[rows]
            then = Costs(*(torch.from_numpy(between(costs, places)) for costs in before))
            cost = training_set.costs(networks, places, some, course.done).of(then) * (
                len(some) / len(pictures)
            )
            torch.autograd.backward(cost)
        nn.utils.clip_grad_norm_(modules.parameters(), _MAX_GRADIENT)
        for group in optimiser.param_groups:
            group["lr"] = group["pace"] * _pace(course.done, part)
        optimiser.step()
        course.done += 1
        if course.done % _KEPT == 0:
            course.save(modules, optimiser)
        yield course.done


def optimiser_of(networks: Networks) -> torch.optim.Optimizer:
    """What moves each part at its pace."""
    directions = [weight for network in networks.values() for weight in network.directions]
    laws = [weight for network in networks.values() for weight in (*network.law.parameters(), network.zone)]
    small = [
        w
        for network in networks.values()
        for side in (network.sender, network.receiver)
        for w in side.parameters()
    ]
    paces = {_PACE: small, _CAREFUL: directions, _LAWS_PACE: laws}
    return torch.optim.Adam(
        [{"params": weights, "lr": pace, "pace": pace} for pace, weights in paces.items()], betas=(0.9, 0.98)
    )


def _drawn(taught: Sequence[int], levels: int, turn: int) -> tuple[list[int], list[float]]:
    """The pictures of a batch, and the level of each; the turn alone says which."""
    drawn = np.random.default_rng(turn)
    pictures = drawn.choice(taught, min(BATCH, len(taught)), replace=False).tolist()
    return pictures, drawn.uniform(0, levels - 1, len(pictures)).tolist()


def _pace(done: int, part: float) -> float:
    """Up over the first steps, down along a cosine."""
    return min(1.0, (done + 1) / _WARM) * 0.5 * (1 + math.cos(math.pi * part))
