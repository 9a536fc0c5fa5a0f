"""How far two frames of a source are from each other, as pictures."""

import cv2
import numpy as np

from edge.pictures.resampling import Picture
from protos.arrays import Floats

_SIDE, _BLOCKS = 64, 16  # pixels of the small picture, blocks of it, along a side
_UNCHANGED = 0.75  # part of the pixels that tell how the light has changed
_MAX_GAIN = 1.5
_TINY = 1e-9


def luma_of(picture: Picture) -> Floats:
    """An RGB picture (h, w, 3), small and grey: float32 (64, 64), in levels of 255. Averaging over areas
    leaves little of a sensor's noise.
    """
    small = cv2.resize(picture, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), np.float32)


def luma_difference(one: Floats, other: Floats) -> float:
    """Levels by which the most changed of 16 x 16 blocks differs, so that a small thing that comes into view
    is as visible as a large one. Light that fades or rises everywhere is left out.
    """
    changed = np.abs(other - _in_light_of(one, other))
    width = _SIDE // _BLOCKS
    return float(changed.reshape(_BLOCKS, width, _BLOCKS, width).mean((1, 3)).max())


def _in_light_of(one: Floats, other: Floats) -> Floats:
    """`one` as bright and as rich in contrast as `other`, by a line through most of their pixels: those that
    fit a first line worst have changed, and do not count.
    """
    flat, target = one.ravel(), other.ravel()
    gain, offset = _line(flat, target)
    wrong = np.abs(target - gain * flat - offset)
    kept = wrong <= np.quantile(wrong, _UNCHANGED)
    gain, offset = _line(flat[kept], target[kept])
    return np.asarray(gain * one + offset, np.float32)


def _line(flat: Floats, target: Floats) -> tuple[float, float]:
    """Gain and offset that turn one into the other with the least squares, the gain within limits."""
    x, y = flat - flat.mean(), target - target.mean()
    gain = float(np.clip((x @ y) / max(float(x @ x), _TINY), 1 / _MAX_GAIN, _MAX_GAIN))
    return gain, float(target.mean() - gain * flat.mean())
