"""How far two frames are from each other, as features: on the device, and in the cloud."""

from collections.abc import Mapping

import numpy as np

from protos.arrays import Floats

_TINY = 1e-9


def feature_distance(one: Mapping[str, Floats], other: Mapping[str, Floats]) -> float:
    """One less the cosine of the tokens that differ most, of what the head makes of two frames at one cut:
    0 where they are the same, at most 2. Frames of other shapes are as far as can be.
    """
    if one.keys() != other.keys() or any(one[name].shape != other[name].shape for name in one):
        return 2.0
    return max((_farthest(one[name], other[name]) for name in one), default=0.0)


def _farthest(one: Floats, other: Floats) -> float:
    """Along the last axis."""
    products = np.einsum("...d,...d->...", one, other)
    lengths = np.linalg.norm(one, axis=-1) * np.linalg.norm(other, axis=-1)
    return float(np.max(1 - products / np.maximum(lengths, _TINY)))
