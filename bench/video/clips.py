"""Clips of drawn scenes, slow, moving or with a cut; the right answers are known at every frame."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count, islice

import cv2
import numpy as np
from numpy.typing import NDArray

from bench.codec.evaluation.evaluation_set import BENCH_SEEDS
from splitter.nano.questions import Question, ask_all
from splitter.nano.scenes import (
    BACKGROUNDS,
    MAX_OBJECTS,
    SIDE,
    Object,
    Raster,
    Scene,
    all_visible,
    coverage,
    draw_background,
    paint,
    photograph,
    place_objects,
)

RATE = 5  # frames a second
CLIP_SEEDS = BENCH_SEEDS + 5_000_000
_PAINT, _LENS, _NOISE, _HEADINGS = range(1, 5)  # streams of random numbers of a seed
_SWAY_SECONDS = 4.0


@dataclass(frozen=True)
class Motion:
    """How many objects of a scene move, how fast (pixels a second), and how far the camera sways to either
    side (pixels).
    """

    objects: int
    speed: float
    sway: float


@dataclass(frozen=True)
class Clip:
    """Frames, RGB uint8 (128, 128, 3), `RATE` a second, and questions by the index of their frame: about the
    last of every second.
    """

    frames: Sequence[Raster]
    questions: Sequence[tuple[int, Question]]

    @property
    def asked(self) -> list[int]:
        """The frames that are asked about, in order."""
        return sorted({index for index, _ in self.questions})


STILL = Motion(1, 4.0, 0.0)
LIVELY = Motion(MAX_OBJECTS, 16.0, 6.0)
KINDS = ("slow scene", "moving scene", "cut")


def clips(kind: str, number: int, seconds: int) -> list[Clip]:
    """So many clips of one of KINDS, each of other scenes. A cut goes from one slow scene to another in the
    middle.
    """
    length, start = seconds * RATE, CLIP_SEEDS + KINDS.index(kind) * 1_000_000
    if kind != "cut":
        return list(islice(_drawn(start, length, LIVELY if kind == "moving scene" else STILL), number))
    first = islice(_drawn(start, length // 2, STILL), number)
    second = islice(_drawn(start + 500_000, length - length // 2, STILL), number)
    return [_concatenated(*both) for both in zip(first, second, strict=True)]


def _drawn(start: int, length: int, motion: Motion) -> Iterator[Clip]:
    """The clips of scenes in which every object stays visible."""
    animations = (_Animation(seed, motion) for seed in count(start))
    return (_clip(one, length) for one in animations if one.clear(length))


def _clip(animation: "_Animation", length: int) -> Clip:
    frames = [animation.frame(number) for number in range(length)]
    rng = np.random.default_rng([CLIP_SEEDS, animation.seed])
    asked = range(RATE - 1, length, RATE)
    return Clip(
        frames, [(number, question) for number in asked for question in ask_all(animation.scene(number), rng)]
    )


def _concatenated(first: Clip, second: Clip) -> Clip:
    later = [(index + len(first.frames), question) for index, question in second.questions]
    return Clip([*first.frames, *second.frames], [*first.questions, *later])


class _Animation:
    """A scene whose objects may move from frame to frame, with new sensor noise; background, textures, light
    and lens stay.
    """

    def __init__(self, seed: int, motion: Motion) -> None:
        self.seed, self._motion = seed, motion
        rng = np.random.default_rng(seed)
        self._background = BACKGROUNDS[rng.integers(len(BACKGROUNDS))]
        self._backdrop = draw_background(self._background, rng)
        self._objects, _ = place_objects(rng, int(rng.integers(1, MAX_OBJECTS + 1)))
        headings = np.random.default_rng([_HEADINGS, seed]).uniform(0, 2 * np.pi, len(self._objects))
        speeds = [motion.speed * (number < motion.objects) for number in range(len(self._objects))]
        self._velocities = np.stack([np.cos(headings), np.sin(headings)], 1) * np.array(speeds)[:, None]

    def scene(self, number: int) -> Scene:
        """What a frame shows."""
        seconds, sway = number / RATE, self._sway(number)
        shifts = (seconds * self._velocities).tolist()
        moved = [self._at(thing, dx, dy, sway) for thing, (dx, dy) in zip(self._objects, shifts, strict=True)]
        return Scene(tuple(moved), self._background, self.seed)

    def clear(self, length: int) -> bool:
        """Whether nothing hides more than a quarter of any object in any frame."""
        return all(
            all_visible([coverage(thing) for thing in self.scene(number).objects]) for number in range(length)
        )

    def frame(self, number: int) -> Raster:
        image = self._panned(self._sway(number))
        for index, thing in enumerate(self.scene(number).objects):
            paint(image, thing.colour, coverage(thing), np.random.default_rng([_PAINT, index, self.seed]))
        return photograph(
            image,
            np.random.default_rng([_LENS, self.seed]),
            np.random.default_rng([_NOISE, number, self.seed]),
        )

    def _sway(self, number: int) -> float:
        return self._motion.sway * float(np.sin(2 * np.pi * number / RATE / _SWAY_SECONDS))

    def _at(self, thing: Object, dx: float, dy: float, sway: float) -> Object:
        least = thing.radius + 1 + self._motion.sway
        return replace(
            thing,
            x=_reflected(thing.x + dx, least, SIDE - least) + sway,
            y=_reflected(thing.y + dy, least, SIDE - least),
        )

    def _panned(self, sway: float) -> NDArray[np.float32]:
        shift = np.array([[1, 0, sway], [0, 1, 0]], np.float32)
        return np.asarray(
            cv2.warpAffine(self._backdrop, shift, (SIDE, SIDE), borderMode=cv2.BORDER_REFLECT), np.float32
        )


def _reflected(position: float, low: float, high: float) -> float:
    """A coordinate that reflects at both ends of a line."""
    span = high - low
    return float(low + span - abs((position - low) % (2 * span) - span))
