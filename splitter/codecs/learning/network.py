"""What is trained: a fitted transform, and a small transformer on each side of it."""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import softplus

from protos.codec.level import Level
from protos.codec.refiner import Refiner
from protos.codec.synthesis import Synthesis
from splitter.codecs.arrays import Floats, Integers
from splitter.codecs.fitting import MAX_SENT, Transform, level, spread_of
from splitter.codecs.learning.layers import Layers, zeros
from splitter.evaluate.verify import in_batches

_REACH = 0.2  # of a step in every channel: how far a weight of 1 moves the tensor
_NARROWEST = 0.25  # of the unit: what is narrower is not made wider
_MIN_SPREAD = 0.03  # in steps
_ZONE = 1 / (6 * 2**0.5)
_MIN_SHARE = 2.0**-12  # the rarest symbol of a table
MAX_BATCH = 64


class Network(nn.Module):
    """From a tensor to coordinates in steps, and from those, rounded, to the tensor that the tail gets.

    It begins as the fitted transform, exactly; its mean and its directions are trained with the rest. What
    the small networks take and give is about 1 in size, whatever the tensor's is: deviations scale what goes
    in, the step what comes out, so that one network serves all levels. `unit` is a middling step. Steps are
    numbers, or one for each picture (pictures, 1, 1).
    """

    spreads: Tensor
    deviations: Tensor
    reach: Tensor
    turn: Tensor | None
    order: Tensor | None
    whole_zone: Tensor

    def __init__(self, start: Transform, values: Floats, unit: float) -> None:
        super().__init__()
        (tokens, width), channels = start.mean.shape, start.basis.shape[0]
        apart = start.coordinates if start.turn is None else start.turn @ start.coordinates
        taken = start.grouping.group(values) if start.grouping else values
        self.start, self.unit, self.channels = start, unit, channels
        self.mean, self.analysis, self.basis = (
            nn.Parameter(_tensor(part)) for part in (start.mean, start.analysis, start.basis)
        )
        self.register_buffer("turn", None if start.turn is None else _tensor(start.turn), persistent=False)
        self.register_buffer(
            "order",
            torch.from_numpy(start.grouping.order.ravel()) if start.grouping else None,
            persistent=False,
        )
        self.register_buffer(
            "spreads", _tensor(np.maximum((taken - start.mean).std((0, 1)), 1e-6)), persistent=False
        )
        self.register_buffer(
            "deviations", _tensor(np.maximum(apart.std((0, 1)), _NARROWEST * unit)), persistent=False
        )
        self.register_buffer(
            "reach", _REACH * torch.linalg.vector_norm(self.basis.detach(), dim=0), persistent=False
        )
        self.sender = Layers(tokens, width, 2 * channels, seed=0)
        self.receiver = Layers(tokens, channels, width, seed=1)
        self.law = Law(start.coordinates)
        self.register_buffer("whole_zone", _tensor(dead_zone(start.spread)), persistent=False)
        self.zone = zeros(*self.whole_zone.shape)  # the share of it that there is

    @property
    def directions(self) -> list[nn.Parameter]:
        """What the fitted transform brought, which wants to be moved with care."""
        return [self.mean, self.analysis, self.basis]

    def in_steps(self, values: Tensor, per_step: Tensor | float, finer: Tensor | float = 1.0) -> Tensor:
        """A tensor (pictures, tokens, width) as coordinates (pictures, tokens sent, channels) in a level's
        steps, before the dead zone.

        The sender's network lets each coordinate through more or less (a share of 0 to 2), and nudges it.
        `per_step`: how many steps there are to 1. In steps that are `finer` times as fine: `per_step` so much
        larger.
        """
        taken = values if self.order is None else values[:, self.order].reshape(-1, *self.mean.shape)
        centred = taken - self.mean
        nudged, let_through = self.sender(centred / self.spreads, self._level(finer / per_step)).split(
            self.channels, dim=-1
        )
        apart = centred @ self.analysis * per_step * (2 * torch.sigmoid(let_through)) + nudged * finer
        return apart if self.turn is None else torch.as_tensor(self.turn.T @ apart)

    def beyond(self, in_steps: Tensor, per_step: Tensor | float, finer: Tensor | float = 1.0) -> Tensor:
        """What rounding makes codes of: what of the coordinates lies beyond the dead zone."""
        zone = self.zone.clamp_min(0) * self.whole_zone * (finer * finer / per_step)
        return in_steps - torch.minimum(torch.maximum(in_steps, -zone), zone)

    def codes(self, in_steps: Tensor, per_step: Tensor | float, finer: Tensor | float = 1.0) -> Tensor:
        """What is sent of coordinates, INT16."""
        return self.beyond(in_steps, per_step, finer).round().clamp(-MAX_SENT, MAX_SENT).to(torch.int16)

    def received(self, coordinates: Tensor, step: Tensor | float) -> Tensor:
        """Coordinates that were rounded at this step to the tensor (pictures, tokens, width)."""
        apart = coordinates if self.turn is None else self.turn @ coordinates
        added = self.receiver(apart / self.deviations, self._level(step)) * self.reach * step
        return self._ungrouped(apart @ self.basis + self.mean + added)

    def forward(self, values: Tensor, step: Tensor | float) -> tuple[Tensor, Tensor]:
        """What comes back of a tensor (pictures, tokens, width) at a level, and the bits of each picture.

        Rounding passes gradients on as if it were not there; what a code costs is told with noise in the
        place of rounding (Balle et al. 2017).
        """
        exact = self.beyond(self.in_steps(values, 1 / step), 1 / step)
        rounded = exact + (exact.round() - exact).detach()
        return self.received(rounded * step, step), self.law(exact + torch.rand_like(exact) - 0.5, step)

    @torch.no_grad()
    def transform(self, calibration: NDArray[np.floating]) -> "LearnedTransform":
        """The transform with what was learned on both sides; its tables come from a calibration (pictures,
        tokens, width).
        """
        weights = self.receiver.arrays()
        weights["inner"] /= self.deviations.numpy()[:, None]
        weights["place"] -= np.float32(np.log2(self.unit)) * weights["level"]
        weights["outer"] *= self.reach.numpy()
        moved = {name: getattr(self, name).numpy().copy() for name in ("mean", "analysis", "basis")}
        kept = {part.name: getattr(self.start, part.name) for part in fields(self.start)}
        return LearnedTransform(
            **kept | moved, network=self, calibration=calibration, refiner=Refiner(**weights)
        )

    def _level(self, step: Tensor | float) -> Tensor:
        return torch.log2(torch.as_tensor(step) / self.unit)

    def _ungrouped(self, values: Tensor) -> Tensor:
        if self.start.grouping is None or self.order is None:
            return values
        flat = values.reshape(len(values), self.start.grouping.order.size, -1)
        tokens = flat.new_zeros(len(flat), self.start.grouping.tokens, flat.shape[-1]).index_add(
            1, self.order, flat
        )
        return tokens / torch.bincount(self.order)[:, None]


class Law(nn.Module):
    """What a code is expected to be: of two Laplace distributions the mixture, a narrow one and a wide one,
    learned with the rest.
    """

    def __init__(self, coordinates: Floats) -> None:
        """Begins with the spreads of coordinates (pictures, tokens, channels)."""
        super().__init__()
        spread = np.sqrt(np.square(coordinates).mean(0))
        self.spread = nn.Parameter(_tensor(np.log(0.5 * (spread + 1e-2 * spread.max(0)) + 1e-9)))
        self.wider, self.often = nn.Parameter(torch.ones(spread.shape[1])), zeros(spread.shape[1])

    def forward(self, codes: Tensor, step: Tensor | float) -> Tensor:
        """Bits of each picture's codes (pictures, tokens, channels), rounded or with noise in the place of
        that.
        """
        narrow = (self.spread.exp() / step).clamp_min(_MIN_SPREAD)
        wide, often = narrow * (1 + 2 * softplus(self.wider)), torch.sigmoid(self.often)
        low, high = -0.5 - codes.abs(), 0.5 - codes.abs()  # the tail where it is exact
        share = torch.lerp(
            _laplace(high / narrow) - _laplace(low / narrow),
            _laplace(high / wide) - _laplace(low / wide),
            often,
        )
        return torch.as_tensor(-share.clamp_min(_MIN_SHARE).log2().sum((1, 2)))


@dataclass(frozen=True)
class LearnedTransform(Transform):
    """A fitted transform with what was learned on both sides: its coordinates are others at every level."""

    network: Network = field(kw_only=True)
    calibration: NDArray[np.floating] = field(kw_only=True)
    refiner: Refiner = field(kw_only=True)

    @property
    def synthesis(self) -> Synthesis:
        """The receiver's half."""
        return replace(super().synthesis, refiner=self.refiner)

    def level(self, step: float) -> Level:
        """The tables for a step."""
        in_steps = self._in_steps(self.calibration, step)
        with torch.inference_mode():
            codes = self.network.codes(in_steps, 1 / step)
        return level(codes.numpy(), spread_of(in_steps.numpy()) * np.float32(step), step)

    def sent(self, values: Floats, step: float) -> Integers:
        """The codes of other pictures (pictures, tokens, width) at a step."""
        in_steps = self._in_steps(values, step)
        with torch.inference_mode():
            return self.network.codes(in_steps, 1 / step).numpy()

    @torch.inference_mode()
    def _in_steps(self, values: NDArray[np.floating], step: float) -> Tensor:
        parts = (
            torch.from_numpy(values[rows].astype(np.float32)) for rows in in_batches(len(values), MAX_BATCH)
        )
        return torch.cat([self.network.in_steps(part, 1 / step) for part in parts])

    def kept(self, levels: Sequence[Level]) -> tuple[int, int]:
        """All that it was trained with."""
        tokens, channels = levels[0].which.shape
        return tokens, channels

    def first(self, tokens: int, channels: int) -> Self:
        """Itself: what the first few send, the network was trained with all of."""
        if (tokens, channels) != self.coordinates.shape[1:]:
            raise ValueError("a learned transform cannot be cut short")
        return self


def dead_zone(spread: Floats) -> Floats:
    """How much further than half a step from the next code coordinates of this spread are before they leave
    the one nearer to zero.

    In steps, at a step of 1, and in proportion to the step. A code one further from zero takes sqrt(2) step /
    (spread ln 2) bits more (Laplace's law). At high rate a bit is worth 2 ln 2 step^2 / 12 of squared error
    (6 dB); at this bound, the further code is worth its bits (Sullivan 1996, "Efficient scalar quantization
    of exponential and Laplacian random variables"). A tail bears what is then missing worse than squared
    errors tell, unless the receiver has learned to make up for it: nothing for a codec that does not learn.
    """
    return np.asarray(_ZONE / spread, np.float32)


def _laplace(values: Tensor) -> Tensor:
    """The cumulative distribution of Laplace's law of scale 1."""
    tail = 0.5 * torch.exp(-values.abs())
    return torch.where(values < 0, tail, 1 - tail)


def _tensor(values: Floats) -> Tensor:
    return torch.from_numpy(values.astype(np.float32))
