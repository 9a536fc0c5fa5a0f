"""What is trained: a fitted transform, and a small transformer on each side of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Self

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import layer_norm, scaled_dot_product_attention, softplus

from protos import codec as wire
from protos.codec.level import Level
from protos.codec.refiner import HEAD, MIN_VARIANCE, Refiner
from protos.codec.synthesis import Synthesis
from splitter.codecs.fitting import MAX_SENT, Floats, Integers, Transform, level, spread_of
from splitter.evaluate.verify import in_batches
from splitter.graph.export import export
from splitter.quantize.dynamic import to_int8

_HEADS = 6
_HIDDEN = _HEADS * HEAD
_INSIDE = 2 * _HIDDEN
_LAYERS = 2
_REACH = 0.2  # of a step in every channel: how far a weight of 1 moves the tensor
_NARROWEST = 0.25  # of the unit: what is narrower is not made wider
_QUIET = 0.02  # of a layer's usual size: at first it adds next to nothing
_MIN_SPREAD = 0.03  # in steps
_ZONE = 1 / (6 * 2**0.5)
_MIN_SHARE = 2.0**-12  # the rarest symbol of a table
_BATCH = 64


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
        self.sender, self.receiver = (
            _Layers(tokens, width, 2 * channels, seed=0),
            _Layers(tokens, channels, width, seed=1),
        )
        self.law = Law(start.coordinates)
        self.register_buffer("whole_zone", _tensor(dead_zone(start.spread)), persistent=False)
        self.zone = _zeros(*self.whole_zone.shape)  # the share of it that there is

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
        self.wider, self.often = nn.Parameter(torch.ones(spread.shape[1])), _zeros(spread.shape[1])

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


class _Layers(nn.Module):
    """A transformer as protos/codec/refiner.py has it, of what is about 1 in size. It gives nothing before it
    is trained.
    """

    def __init__(self, tokens: int, inputs: int, outputs: int, seed: int) -> None:
        super().__init__()
        drawn = torch.Generator().manual_seed(seed)
        self.inner, self.place, self.level = (
            _drawn(drawn, inputs, _HIDDEN),
            _zeros(tokens, _HIDDEN),
            _zeros(_HIDDEN),
        )
        self.layers = nn.ModuleList(_Layer(drawn) for _ in range(_LAYERS))
        self.outer = _zeros(_HIDDEN, outputs)

    def forward(self, values: Tensor, level: Tensor) -> Tensor:
        hidden = values @ self.inner + (self.place + level * self.level)
        for layer in self.layers:
            hidden = layer(hidden)
        return _norm(hidden) @ self.outer

    def arrays(self) -> dict[str, Floats]:
        """The weights as protos/codec/refiner.py has them."""
        layers = [dict(layer.named_parameters()) for layer in self.layers]
        whole: dict[str, Tensor] = {
            name: torch.stack([layer[name] for layer in layers]) for name in layers[0]
        }
        whole |= {"inner": self.inner, "place": self.place, "level": self.level, "outer": self.outer}
        return {name: values.detach().numpy().copy() for name, values in whole.items()}


class _Layer(nn.Module):
    def __init__(self, drawn: torch.Generator) -> None:
        super().__init__()
        self.heads, self.joined = _drawn(drawn, _HIDDEN, 3 * _HIDDEN), _drawn(drawn, _HIDDEN, _HIDDEN, _QUIET)
        self.wide, self.bias, self.narrow = (
            _drawn(drawn, _HIDDEN, _INSIDE),
            _zeros(_INSIDE),
            _drawn(drawn, _INSIDE, _HIDDEN, _QUIET),
        )

    def forward(self, hidden: Tensor) -> Tensor:
        hidden = hidden + _attention(_norm(hidden) @ self.heads) @ self.joined
        return torch.as_tensor(hidden + torch.relu(_norm(hidden) @ self.wide + self.bias) @ self.narrow)


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
            torch.from_numpy(values[rows].astype(np.float32)) for rows in in_batches(len(values), _BATCH)
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


class _Sender(nn.Module):
    """Boundary tensors and the levels' scalars to codes, tensor by tensor."""

    def __init__(self, networks: Sequence[Network]) -> None:
        super().__init__()
        self._all, self._registered = list(networks), nn.ModuleList(networks)

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        count = len(self._all)
        tensors, per_steps, finer = (inputs[start : start + count] for start in range(0, 3 * count, count))
        each = zip(self._all, tensors, per_steps, finer, strict=True)
        return tuple(
            network.codes(network.in_steps(tensor, *steps), *steps) for network, tensor, *steps in each
        )


def sender_graph(transforms: Mapping[str, LearnedTransform]) -> onnx.ModelProto:
    """The sender's half as a graph: boundary tensors by bare name, `per-step/TENSOR` and `finer/TENSOR` in,
    codes out.

    The small network's products with weights are in INT8, as a head's are; the fitted directions stay as they
    are.
    """
    shapes = [one.calibration.shape[1:] for one in transforms.values()]
    examples = (
        *(torch.zeros(2, *shape) for shape in shapes),
        *(torch.ones(()) for _ in range(2 * len(shapes))),
    )
    inputs = [*transforms, *(f"{part}/{name}" for part in ("per-step", "finer") for name in transforms)]
    batch = torch.export.Dim("batch", min=1, max=_BATCH)
    dynamic = {"inputs": tuple({0: batch} if name in transforms else {} for name in inputs)}
    sender = _Sender([one.network for one in transforms.values()])
    graph = export(sender, examples, inputs, [wire.codes_name(name) for name in transforms], dynamic)
    return to_int8(graph, in_float=lambda weights: weights.endswith(("analysis", "turn")))


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


def _norm(values: Tensor) -> Tensor:
    return layer_norm(values, values.shape[-1:], eps=MIN_VARIANCE)


def _attention(mixed: Tensor) -> Tensor:
    """Queries, keys and values (pictures, tokens, 3 hidden) to what each token takes of all: (pictures,
    tokens, hidden).
    """
    query, key, value = mixed.reshape(*mixed.shape[:-1], 3, _HEADS, HEAD).movedim((-3, -2), (0, -3))
    return scaled_dot_product_attention(query, key, value).movedim(-3, -2).flatten(-2)


def _laplace(values: Tensor) -> Tensor:
    """The cumulative distribution of Laplace's law of scale 1."""
    tail = 0.5 * torch.exp(-values.abs())
    return torch.where(values < 0, tail, 1 - tail)


def _drawn(generator: torch.Generator, inputs: int, outputs: int, gain: float = 1.0) -> nn.Parameter:
    """Weights that keep the size of what goes through, or make it so much smaller."""
    return nn.Parameter(torch.randn(inputs, outputs, generator=generator) * gain / inputs**0.5)


def _zeros(*shape: int) -> nn.Parameter:
    return nn.Parameter(torch.zeros(shape))


def _tensor(values: Floats) -> Tensor:
    return torch.from_numpy(values.astype(np.float32))
