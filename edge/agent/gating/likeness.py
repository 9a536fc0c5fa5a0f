"""How far two frames of a source are from each other: as pictures, and as what the head makes of them."""

from collections.abc import Mapping

import cv2
import numpy as np

from edge.pictures.resampling import Picture
from protos.arrays import Floats

_SIDE, _BLOCKS = 64, 16  # pixels of the small picture, blocks of it, along a side
_TINY = 1e-9


def luma_of(picture: Picture) -> Floats:
    """An RGB picture (h, w, 3), small and grey: float32 (64, 64), in levels of 255. Averaging over areas
    leaves little of a sensor's noise.
    """
    small = cv2.resize(picture, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), np.float32)


def luma_difference(one: Floats, other: Floats) -> float:
    """Levels by which the most changed of 16 x 16 blocks differs, so that a small thing that comes into view
    is as visible as a large one. What all pixels share, light that fades or rises, is left out.
    """
    difference = other - one
    changed = np.abs(difference - np.median(difference))
    width = _SIDE // _BLOCKS
    return float(changed.reshape(_BLOCKS, width, _BLOCKS, width).mean((1, 3)).max())


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
