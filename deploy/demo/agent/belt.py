"""What the drawn cameras look at: a belt on which one shape after another comes, rests, and goes."""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from splitter.nano.scenes import SIDE, Object, Raster, coverage, draw_background, paint, photograph

SECONDS = 3.0  # from one shape to the next
CARRIED = (
    ("red", "square"),
    ("blue", "circle"),
    ("green", "star"),
    ("orange", "square"),
    ("purple", "triangle"),
)
_MOVING = 0.6  # seconds in, and out again
_RADIUS, _ROW = 18.0, 78.0  # pixels
_BESIDE = Object("cyan", "ring", "small", 24.0, 24.0, 10.0, 0.0)  # it stands beside the belt, always
_BACKDROP, _PAINT, _LENS, _GRAIN = range(4)  # streams of random numbers of a seed


def frame(seed: int, seconds: float) -> Raster:
    """The belt at a moment: RGB uint8 (128, 128, 3). `seed`: which camera looks."""
    image = _backdrop(seed).copy()
    for index, thing in enumerate((_BESIDE, shape_at(seconds))):
        paint(image, thing.colour, coverage(thing), np.random.default_rng([_PAINT, index, seed]))
    grain = np.random.default_rng([_GRAIN, round(1000 * seconds), seed])
    return photograph(image, np.random.default_rng([_LENS, seed]), grain)


def shape_at(seconds: float) -> Object:
    """The shape on the belt at a moment, and where it is by then."""
    turn, now = divmod(seconds, SECONDS)
    colour, shape = CARRIED[int(turn) % len(CARRIED)]
    way = SIDE / 2 + _RADIUS  # from outside to the middle
    late = max(_MOVING - now, 0.0) - max(now - (SECONDS - _MOVING), 0.0)
    return Object(colour, shape, "large", SIDE / 2 - way * late / _MOVING, _ROW, _RADIUS, 0.0)


@cache
def _backdrop(seed: int) -> NDArray[np.float32]:
    return draw_background("gradient", np.random.default_rng([_BACKDROP, seed]))
