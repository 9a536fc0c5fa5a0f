"""Fit a linear transform and its entropy tables to a boundary tensor: directions, steps, classes of equal spread."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray

from protos import codec as wire
from protos import rans

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Integers = NDArray[np.int64]

_FLOOR = 0.03  # of a metric's mean eigenvalue: what the tail seems not to look at is not free either
_MOST_TURNED = 1024  # tokens; the matrix that mixes them grows with the square
_BY_OCTAVE = 3  # classes of spread in each doubling
_LEAST_SPREAD = 0.15  # in steps: what is narrower is not sent
_SMOOTHING = 4  # pictures' worth of belief that spreads are a product of the token's and the channel's
_MIDDLING = 0.1  # of the variance lost, at which transforms are compared
_MOST_ROWS = 4_000  # of calibration tokens that a step is searched on


@dataclass(frozen=True)
class Transform:
    """Coordinates `turn.T @ ((x - mean) @ analysis)` of a tensor x (tokens, width), and the way back.

    `coordinates` (pictures, tokens, channels) are those of the calibration; `turn` (tokens, tokens) is absent where tokens stay apart.
    """

    mean: Floats
    analysis: Floats
    basis: Floats
    turn: Floats | None
    coordinates: Floats
    back: wire.Synthesis | None = None  # where the way back was learned

    def step(self, distortion: float) -> float:
        """The step at which rounding all coordinates costs this share of their variance (at high rate, reverse water-filling)."""
        flat = self.coordinates.reshape(-1, self.coordinates.shape[-1])
        rows = flat[:: max(1, len(flat) // _MOST_ROWS)].astype(np.float64)
        allowed = distortion * np.square(rows).sum()
        low, high = 1e-6, 4 * float(np.abs(rows).max()) + 1e-6
        for _ in range(40):
            middle = (low * high) ** 0.5
            lost = np.square(rows - np.round(rows / middle) * middle).sum()
            low, high = (middle, high) if lost < allowed else (low, middle)
        return low

    def level(self, step: float) -> wire.Level:
        """The tables for a step."""
        return level(self.coordinates, step)

    def kept(self, levels: Sequence[wire.Level]) -> tuple[int, int]:
        """How many tokens and channels the levels send, counted from the first."""
        sent = np.any([one.which >= 0 for one in levels], axis=0)
        tokens, channels = (int(np.flatnonzero(sent.any(axis)).max(initial=0)) + 1 for axis in (1, 0))
        return (len(sent) if self.turn is None else tokens), channels

    def first(self, tokens: int, channels: int) -> Self:
        """The same for the first so many tokens and channels only; tokens that are not mixed are all kept."""
        turn = _columns(self.turn, tokens)
        kept = self.coordinates[:, :, :channels] if turn is None else self.coordinates[:, :tokens, :channels]
        back = self.back and replace(self.back, basis=self.back.basis[:channels], turn=_columns(self.back.turn, tokens))
        return replace(
            self,
            back=back,
            analysis=np.ascontiguousarray(self.analysis[:, :channels]),
            basis=self.basis[:channels],
            turn=turn,
            coordinates=kept,
        )

    @property
    def synthesis(self) -> wire.Synthesis:
        """The receiver's half."""
        return self.back or wire.Synthesis(self.basis, self.mean, self.turn)

    @cached_property
    def bits(self) -> float:
        """What the calibration would cost at a middling step, a picture."""
        return bits(self.coordinates, self.level(self.step(_MIDDLING)))


def transform(values: Floats, metric: Doubles | None = None, *, turning: bool = True) -> Transform:
    """The transform of a tensor (pictures, tokens, width) that costs least.

    `metric` (width, width) says what a small error costs the tail; the principal directions are those of the tensor seen through it
    (Linder, Zamir and Zeger 1999: at high rate the best code of a weighted error codes the weighted source).
    """
    mean, width = values.mean(0), values.shape[-1]
    root, back = _roots(metric if metric is not None else np.eye(width))
    weighed = (values - mean).astype(np.float64) @ root
    rows = weighed.reshape(-1, width)
    directions = _directions(rows.T @ rows)
    apart = Transform(mean, _single(root @ directions), _single(directions.T @ back), None, _single(weighed @ directions))
    if not turning or not 1 < values.shape[1] <= _MOST_TURNED or len(values) < 2:
        return apart
    return min(apart, _turned(apart), key=lambda one: one.bits)


def coarse(values: Floats, distortion: float) -> Floats:
    """What comes back of a tensor (pictures, tokens, width) coded at this share of its variance, without a metric and token by token."""
    plain = transform(values, turning=False)
    step = plain.step(distortion)
    return np.asarray((np.round(plain.coordinates / step) * step) @ plain.basis + plain.mean, np.float32)


def level(coordinates: Floats, step: float) -> wire.Level:
    """Tables for calibration coordinates (pictures, tokens, channels) in steps: one for each class of equal spread."""
    codes = np.round(coordinates / step).astype(np.int64)
    classes = _classes(coordinates / step)
    names = np.unique(classes[classes >= 0])
    which = np.full(classes.shape, -1, np.int16)
    for place, name in enumerate(names):
        which[classes == name] = place
    held = [codes[:, which == place] for place in range(len(names))]
    return wire.Level(step, which, tables(held))


def tables(held: Sequence[Integers]) -> rans.Tables:
    """An alphabet for each set of symbols, a little wider than what was seen."""
    low, frequency = [], []
    for symbols in held:
        room = 1 + int(symbols.max() - symbols.min()) // 8
        low.append(int(symbols.min()) - room)
        counts = np.bincount(symbols.ravel() - low[-1], minlength=int(symbols.max()) + room - low[-1] + 1)
        frequency.append(rans.frequencies(counts))
    return rans.Tables(low, frequency)


def bits(coordinates: Floats, with_level: wire.Level) -> float:
    """The ideal length of a picture's code, the mean over coordinates (pictures, tokens, channels)."""
    codes, total = np.round(coordinates / with_level.step).astype(np.int64), 0.0
    for place, (low, frequency) in enumerate(zip(with_level.tables.low, with_level.tables.frequency, strict=True)):
        symbols = codes[:, with_level.which == place].clip(low, low + len(frequency) - 1)
        total -= float(np.log2(np.array(frequency)[symbols - low] / (1 << rans.PRECISION)).sum())
    return total / len(coordinates)


def _turned(apart: Transform) -> Transform:
    """The same with tokens mixed along their own principal directions, which pays where neighbours are alike."""
    rows = apart.coordinates.transpose(1, 0, 2).reshape(apart.coordinates.shape[1], -1).astype(np.float64)
    turn = _single(_directions(rows @ rows.T))
    return Transform(apart.mean, apart.analysis, apart.basis, turn, np.einsum("ntc,tu->nuc", apart.coordinates, turn, optimize=True))


def _classes(steps: Floats) -> Integers:
    """The class of spread of each code, -1 where it is too narrow to be sent: thirds of octaves of its deviation in steps."""
    squares = np.square(steps, dtype=np.float64)
    seen = squares.mean(0)
    expected = seen.mean(1, keepdims=True) * seen.mean(0, keepdims=True) / max(seen.mean(), 1e-30)
    spread = np.sqrt((len(steps) * seen + _SMOOTHING * expected) / (len(steps) + _SMOOTHING))
    classes = np.floor(_BY_OCTAVE * np.log2(np.maximum(spread, 1e-30) / _LEAST_SPREAD)).astype(np.int64)
    return np.asarray(np.maximum(classes, -1))


def _roots(metric: Doubles) -> tuple[Doubles, Doubles]:
    """The symmetric square root of a metric, its mean eigenvalue made 1, and the inverse of that root."""
    scaled = metric * (len(metric) / np.trace(metric)) if np.trace(metric) > 0 else np.eye(len(metric))
    values, vectors = np.linalg.eigh(scaled)
    roots = np.sqrt(np.maximum(values, 0) + _FLOOR)
    return (vectors * roots) @ vectors.T, (vectors / roots) @ vectors.T


def _directions(second_moments: Doubles) -> Doubles:
    """Principal directions as columns, the widest first."""
    return np.asarray(np.linalg.eigh(second_moments)[1][:, ::-1])


def _columns(matrix: Floats | None, count: int) -> Floats | None:
    return None if matrix is None else np.ascontiguousarray(matrix[:, :count])


def _single(values: Doubles) -> Floats:
    return np.ascontiguousarray(values, np.float32)
