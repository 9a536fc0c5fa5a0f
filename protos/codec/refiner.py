"""What a learned codec's receiver adds to a tensor: a small transformer over its tokens, to undo part of what
rounding did.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray
from typing_extensions import Self

from protos.arrays import Floats

HEAD = 32  # numbers of a token that one head of attention looks at
MIN_VARIANCE = 1e-5


@dataclass(frozen=True)
class Refiner:
    """Of coordinates y (..., tokens, channels), tokens apart, what to add to the tensor: (..., tokens,
    width). The last channels may lack.

    h = y @ inner + place + log2(step) * level, then for each layer h += attention(norm(h) @ heads) @ joined
    and h += relu(norm(h) @ wide + bias) @ narrow; what is added is step * (norm(h) @ outer), for rounding
    errs by a share of the step. `inner` (channels, hidden), `place` (tokens, hidden), `level` (hidden),
    `outer` (hidden, width); of each layer `heads` (hidden, 3 hidden): queries, keys, values, `joined`
    (hidden, hidden), `wide` (hidden, inside), `bias` (inside), `narrow` (inside, hidden).
    """

    inner: Floats
    place: Floats
    level: Floats
    heads: Floats
    joined: Floats
    wide: Floats
    bias: Floats
    narrow: Floats
    outer: Floats

    def __call__(self, coordinates: Floats, step: float) -> Floats:
        hidden = coordinates @ self.inner[: coordinates.shape[-1]] + (
            self.place + np.float32(np.log2(step)) * self.level
        )
        for heads, joined, wide, bias, narrow in zip(
            self.heads, self.joined, self.wide, self.bias, self.narrow, strict=True
        ):
            hidden = hidden + _attention(_norm(hidden) @ heads) @ joined
            hidden = hidden + np.maximum(_norm(hidden) @ wide + bias, 0) @ narrow
        return np.asarray(_norm(hidden) @ self.outer * np.float32(step), np.float32)

    @classmethod
    def of(cls, parts: Mapping[str, Floats]) -> Self | None:
        """The correction among a synthesis' arrays, if there is one. Raises KeyError for half of one."""
        return cls(**{field.name: parts[field.name] for field in fields(cls)}) if "inner" in parts else None


def _norm(values: Floats) -> Floats:
    centred = values - values.mean(-1, keepdims=True)
    return np.asarray(
        centred / np.sqrt(np.square(centred).mean(-1, keepdims=True) + MIN_VARIANCE), np.float32
    )


def _attention(mixed: Floats) -> Floats:
    """Queries, keys and values (..., tokens, 3 hidden) to what each token takes of all: (..., tokens,
    hidden).
    """
    *batch, tokens, width = mixed.shape
    apart: NDArray[np.float32] = mixed.reshape(*batch, tokens, 3, width // 3 // HEAD, HEAD)
    query, key, value = (np.moveaxis(apart[..., part, :, :], -3, -2) for part in range(3))
    scores = query @ np.swapaxes(key, -1, -2) * np.float32(HEAD**-0.5)
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    taken = weights / weights.sum(-1, keepdims=True) @ value
    return np.asarray(np.moveaxis(taken, -3, -2).reshape(*batch, tokens, width // 3), np.float32)
