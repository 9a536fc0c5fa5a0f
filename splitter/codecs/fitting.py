"""Fit a linear transform and its entropy tables to a boundary tensor: directions, steps, classes of equal
spread.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from protos.codec import rans
from protos.codec.level import Level
from protos.codec.symbol_groups import JointTable, joint
from protos.codec.symbol_groups import bits as bits_of
from protos.codec.synthesis import Synthesis
from protos.codec.token_groups import Grouping
from splitter.codecs.arrays import Doubles, Floats, Integers

_FLOOR = 0.03  # of a metric's mean eigenvalue: what the tail seems not to look at is not free either
_BY_OCTAVE = 3  # classes of spread in each doubling
# in steps: what is narrower is not sent; a bound of 0.2 takes a quarter fewer codes, and answers of rare
# kinds turn
_MIN_SPREAD = 0.15
_SMOOTHING = 4  # pictures' worth of belief that spreads are a product of the token's and the channel's
_TINY = 1e-24
_MAX_ROWS = 4_000  # of calibration tokens that a step is searched on
_JOINTS = ((4, 1), (2, 3))  # members, and how far from zero
_LONGER = 0.01
_FEW = 1000  # codes of a picture; joining fewer takes as long as it saves
_SEEN = 8  # groups for each symbol of a joint table
MAX_SENT = 32767.0  # INT16
_MAX_CODE = 1500  # so that an alphabet and the room around it stay below rANS's 4096 symbols
_MAX_NUMBERS = 1 << 23  # in double precision at once: all pictures behind a wide connector would be gigabytes


@dataclass(frozen=True)
class Transform:
    """Coordinates `turn.T @ ((x - mean) @ analysis)` of a tensor x (tokens, width), and the way back.

    `coordinates` (pictures, tokens, channels) are those of the calibration; `turn` (tokens, tokens) is absent
    where tokens are not mixed. With a grouping, x is its groups together, and a group stands wherever a token
    is named here.
    """

    mean: Floats
    analysis: Floats
    basis: Floats
    turn: Floats | None
    coordinates: Floats
    grouping: Grouping | None = None

    def step(self, distortion: float) -> float:
        """The step at which rounding all coordinates costs this share of their variance (at high rate,
        reverse water-filling).
        """
        flat = self.coordinates.reshape(-1, self.coordinates.shape[-1])
        rows = flat[:: max(1, len(flat) // _MAX_ROWS)].astype(np.float64)
        allowed = distortion * np.square(rows).sum()
        reach = float(np.abs(self.coordinates).max())
        low, high = reach / _MAX_CODE + 1e-6, 4 * reach + 1e-6
        for _ in range(40):
            middle = (low * high) ** 0.5
            lost = np.square(rows - np.round(rows / middle) * middle).sum()
            low, high = (middle, high) if lost < allowed else (low, middle)
        return low

    def level(self, step: float) -> Level:
        """The tables for a step."""
        return level(self.codes(self.coordinates, step), self.spread, step)

    def codes(self, coordinates: Floats, step: float) -> Integers:
        """Codes of coordinates (pictures, tokens, channels) at a step, INT16 as a device's."""
        rounded = (np.round(part / np.float32(step)) for part in _parts(coordinates))
        return np.concatenate([part.clip(-MAX_SENT, MAX_SENT).astype(np.int16) for part in rounded])

    @cached_property
    def spread(self) -> Floats:
        """The deviation of each coordinate (tokens, channels)."""
        return spread_of(self.coordinates)

    def kept(self, levels: Sequence[Level]) -> tuple[int, int]:
        """How many tokens and channels the levels send, counted from the first."""
        sent = np.any([one.which >= 0 for one in levels], axis=0)
        tokens, channels = (int(np.flatnonzero(sent.any(axis)).max(initial=0)) + 1 for axis in (1, 0))
        return (len(sent) if self.turn is None else tokens), channels

    def first(self, tokens: int, channels: int) -> Self:
        """The same for the first so many tokens and channels only; tokens that are not mixed are all kept."""
        turn = _columns(self.turn, tokens)
        kept = self.coordinates[:, :, :channels] if turn is None else self.coordinates[:, :tokens, :channels]
        return replace(
            self,
            analysis=np.ascontiguousarray(self.analysis[:, :channels]),
            basis=self.basis[:channels],
            turn=turn,
            coordinates=kept,
        )

    @property
    def synthesis(self) -> Synthesis:
        """The receiver's half."""
        return Synthesis(self.basis, self.mean, self.turn, self.grouping)

    def sent(self, values: Floats, step: float) -> Integers:
        """The codes of other pictures (pictures, tokens, width) at a step."""
        return self.codes(self._coded(values), step)

    def _coded(self, values: Floats) -> Floats:
        taken = self.grouping.group(values) if self.grouping else values
        apart = np.concatenate([_single(part @ self.analysis) for part in _doubles(taken, self.mean)])
        return apart if self.turn is None else self.turn.T @ apart


def transform(values: Floats, metric: Doubles | None = None, grouping: Grouping | None = None) -> Transform:
    """The transform of a tensor (pictures, tokens, width) into directions of a token, or of a group of them.

    `metric` (width, width), of a group as wide as its members together, says what a small error costs the
    tail; the principal directions are those of the tensor seen through it (Linder, Zamir and Zeger 1999: at
    high rate the best code of a weighted error codes the weighted source).
    """
    if grouping:
        values = grouping.group(values)
    mean, width = values.mean(0), values.shape[-1]
    analysis, basis = _axes(_moments(part.reshape(-1, width) for part in _doubles(values, mean)), metric)
    coordinates = np.concatenate([_single(part @ analysis) for part in _doubles(values, mean)])
    return Transform(mean, _single(analysis), _single(basis), None, coordinates, grouping)


def turned(apart: Transform) -> Transform:
    """The same with tokens mixed along their own principal directions."""
    tokens = apart.coordinates.shape[1]
    rows = (part.transpose(0, 2, 1).reshape(-1, tokens) for part in _doubles(apart.coordinates))
    turn = _single(_directions(_moments(rows)))
    return replace(apart, turn=turn, coordinates=turn.T @ apart.coordinates)


def through(whole: Transform, values: Floats, distortion: float) -> tuple[float, Floats]:
    """What coding other pictures (pictures, tokens, width) at this share of the calibration's variance takes
    and gives.

    Bits a picture, an ideal length, and the tensor that comes back.
    """
    step = whole.step(distortion)
    codes, level = whole.sent(values, step), whole.level(step)
    kept = (level.which >= 0).astype(np.float32) * np.float32(step)
    return bits(codes, level), np.concatenate([whole.synthesis(part * kept, step) for part in _parts(codes)])


def coarse(values: Floats, distortion: float) -> Floats:
    """What comes back of a tensor (pictures, tokens, width) coded at this share of its variance, without a
    metric and token by token.
    """
    plain = transform(values)
    step = plain.step(distortion)
    parts = [np.round(part / step) * step @ plain.basis + plain.mean for part in _parts(plain.coordinates)]
    return np.asarray(np.concatenate(parts), np.float32)


def level(codes: Integers, spread: Floats, step: float) -> Level:
    """Tables for the codes of calibration pictures (pictures, tokens, channels), one for each class of equal
    spread.

    `spread` (tokens, channels): that of the coordinates that became codes.
    """
    classes = _classes(spread / step)
    names = np.unique(classes[classes >= 0])
    which = np.full(classes.shape, -1, np.int16)
    for place, name in enumerate(names):
        which[classes == name] = place
    held = [codes[:, which == place] for place in range(len(names))]
    made = tables(held)
    joints = (
        [_joint(*of) for of in zip(held, made.low, made.frequency, strict=True)]
        if np.count_nonzero(which >= 0) > _FEW
        else []
    )
    return Level(step, which, made, joints)


def _joint(codes: Integers, low: int, frequency: Sequence[int]) -> JointTable | None:
    """How the codes (pictures, codes) of one table are joined: by the most members that make them no
    longer.
    """
    most = (1 + _LONGER) * bits_of(codes, low, frequency)
    for members, reach in _JOINTS:
        if codes.size >= _SEEN * members * (2 * reach + 1) ** members:
            found = joint(codes, members, reach)
            if bits_of(codes, low, frequency, found) <= most:
                return found
    return None


def tables(held: Iterable[Integers]) -> rans.Tables:
    """An alphabet for each set of symbols, a little wider than what was seen."""
    low, frequency = [], []
    for symbols in held:
        room = 1 + int(symbols.max() - symbols.min()) // 8
        low.append(int(symbols.min()) - room)
        counts = np.bincount(symbols.ravel() - low[-1], minlength=int(symbols.max()) + room - low[-1] + 1)
        frequency.append(rans.frequencies(counts))
    return rans.Tables(low, frequency)


def bits(codes: Integers, with_level: Level) -> float:
    """The ideal length of a picture's codes, the mean over (pictures, tokens, channels)."""
    total = 0.0
    for place, (low, frequency) in enumerate(
        zip(with_level.tables.low, with_level.tables.frequency, strict=True)
    ):
        symbols = codes[:, with_level.which == place].clip(low, low + len(frequency) - 1)
        total -= float(np.log2(np.array(frequency)[symbols - low] / (1 << rans.PRECISION)).sum())
    return total / len(codes)


def _classes(spread: Floats) -> Integers:
    """The class of each code, -1 where it is too narrow to be sent: thirds of octaves of its deviation in
    steps.
    """
    return np.asarray(np.maximum(np.floor(_BY_OCTAVE * np.log2(spread / _MIN_SPREAD)).astype(np.int64), -1))


def spread_of(coordinates: Floats) -> Floats:
    """The deviation (tokens, channels) of coordinates (pictures, tokens, channels) around 0: more than
    nothing.
    """
    count = len(coordinates)
    seen = sum(np.square(part).sum(0) for part in _doubles(coordinates)) / count
    expected = seen.mean(1, keepdims=True) * seen.mean(0, keepdims=True) / max(seen.mean(), _TINY)
    return _single(np.sqrt(np.maximum((count * seen + _SMOOTHING * expected) / (count + _SMOOTHING), _TINY)))


def _parts(values: NDArray[np.generic]) -> Iterator[NDArray[Any]]:
    """Some pictures at a time."""
    at_once = max(1, _MAX_NUMBERS * len(values) // values.size)
    return (values[start : start + at_once] for start in range(0, len(values), at_once))


def _doubles(values: Floats, mean: Floats | float = 0.0) -> Iterator[Doubles]:
    """Some pictures at a time, less their mean, in double precision."""
    return ((part - mean).astype(np.float64) for part in _parts(values))


def _moments(parts: Iterable[Doubles]) -> Doubles:
    """The second moments of all parts' rows together."""
    return np.asarray(sum(rows.T @ rows for rows in parts))


def _axes(moments: Doubles, metric: Doubles | None) -> tuple[Doubles, Doubles]:
    """To the principal directions of second moments seen through a metric, and back."""
    if metric is None:
        directions = _directions(moments)
        return directions, directions.T
    root, back = _roots(metric)
    directions = _directions(root @ moments @ root)
    return root @ directions, directions.T @ back


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
