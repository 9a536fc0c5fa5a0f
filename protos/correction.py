"""What a learned codec's receiver adds to a tensor: a layer of a transformer over its tokens, to undo part of what rounding did."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from protos.payload import Floats

HEAD = 32  # numbers of a token that one head of attention looks at
LEAST_VARIANCE = 1e-5


@dataclass(frozen=True)
class Correction:
    """Of coordinates y (..., tokens, channels), tokens apart, what to add to the tensor: (..., tokens, width).

    h = y @ inner + place, then h += attention(norm(h) @ heads) @ joined and h += relu(norm(h) @ wide + bias) @ narrow, and
    `step**2 * (norm(h) @ outer)`: the noise of rounding has a variance of step**2 / 12, so a fine level is corrected by little.
    `inner` (channels, hidden), `place` (tokens, hidden), `heads` (hidden, 3 hidden) queries, keys, values; `outer` (hidden, width).
    """

    inner: Floats
    place: Floats
    heads: Floats
    joined: Floats
    wide: Floats
    bias: Floats
    narrow: Floats
    outer: Floats

    def __call__(self, coordinates: Floats, step: float) -> Floats:
        hidden = coordinates @ self.inner + self.place
        hidden = hidden + _attention(_norm(hidden) @ self.heads) @ self.joined
        hidden = hidden + np.maximum(_norm(hidden) @ self.wide + self.bias, 0) @ self.narrow
        return np.asarray(_norm(hidden) @ self.outer * np.float32(step**2), np.float32)

    def first(self, channels: int) -> Self:
        """The same where only the first so many channels are sent."""
        return replace(self, inner=self.inner[:channels])

    @classmethod
    def of(cls, parts: Mapping[str, Floats]) -> Self | None:
        """The correction among a synthesis' arrays, if there is one. Raises KeyError for half of one."""
        return cls(**{field.name: parts[field.name] for field in fields(cls)}) if "inner" in parts else None


def _norm(values: Floats) -> Floats:
    centred = values - values.mean(-1, keepdims=True)
    return np.asarray(centred / np.sqrt(np.square(centred).mean(-1, keepdims=True) + LEAST_VARIANCE), np.float32)


def _attention(mixed: Floats) -> Floats:
    """Queries, keys and values (..., tokens, 3 hidden) to what each token takes of all: (..., tokens, hidden)."""
    *batch, tokens, width = mixed.shape
    apart: NDArray[np.float32] = mixed.reshape(*batch, tokens, 3, width // 3 // HEAD, HEAD)
    query, key, value = (np.moveaxis(apart[..., part, :, :], -3, -2) for part in range(3))
    scores = query @ np.swapaxes(key, -1, -2) * np.float32(HEAD**-0.5)
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    taken = weights / weights.sum(-1, keepdims=True) @ value
    return np.asarray(np.moveaxis(taken, -3, -2).reshape(*batch, tokens, width // 3), np.float32)
