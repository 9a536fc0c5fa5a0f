"""The training set in memory: scenes drawn once on all cores, then dealt out in batches that a step number
fixes.
"""

import multiprocessing
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import cv2
import numpy as np
from numpy.typing import NDArray

from protos.terminal.progress import progress
from splitter.nano.model import PATCH, SHUFFLE
from splitter.nano.scenes import MAX_OBJECTS, SIDE, TRAINING_SEEDS, Picture, Raster, Scene, flip, picture

GRID = SIDE // PATCH
CELLS = GRID // SHUFFLE
_MIN_OF_PATCH = 30  # visible pixels of an object, of 256, that make it the subject of a patch
_MIN_OF_CELL = 20  # visible pixels of an object, of 1024, that make it present in the cell of one image token


@dataclass(frozen=True)
class Example:
    """One drawn scene: `image` (128, 128, 3) RGB uint8; `subject` (8, 8) int8, the object most seen in a
    patch or -1; `present` (4, 4, 5) bool, which objects are seen in an image token's cell.
    """

    scene: Scene
    image: Raster
    subject: NDArray[np.int8]
    present: NDArray[np.bool_]

    def flipped(self, orientation: int) -> "Example":
        """The same in one of the 8 orientations of a square."""
        turned = (flip(part, orientation) for part in (self.image, self.subject, self.present))
        return Example(self.scene.flipped(orientation), *turned)  # type: ignore[arg-type]


def draw(count: int, processes: int) -> list[Example]:
    """The first `count` training scenes, half of them passed through JPEG or WebP, told of as it goes."""
    seeds = range(TRAINING_SEEDS, TRAINING_SEEDS + count)
    with multiprocessing.get_context("spawn").Pool(processes) as workers, progress() as shown:
        drawn = []
        shown.step("drawing scenes", count)
        for example in workers.imap(_example, seeds, chunksize=200):
            drawn.append(example)
            shown.advance()
        return drawn


def batches(pool: list[Example], size: int, max_objects: int, seed: int) -> Iterator[list[Example]]:
    """Endless random batches of scenes with at most so many objects, each in a random orientation."""
    eligible = np.flatnonzero([len(example.scene.objects) <= max_objects for example in pool])
    rng = np.random.default_rng(seed)
    while True:
        chosen, turns = rng.choice(eligible, size, replace=False), rng.integers(8, size=size)
        yield [pool[i].flipped(int(turn)) for i, turn in zip(chosen, turns, strict=True)]


def skip(stream: Iterator[list[Example]], count: int) -> Iterator[list[Example]]:
    """A stream of batches from its `count`-th on, as a resumed run needs it."""
    return islice(stream, count, None)


def _example(seed: int) -> Example:
    drawn = picture(seed)
    image = _recompressed(drawn.image, np.random.default_rng([0xC0DEC, seed]))
    return Example(drawn.scene, image, _subject(drawn), _present(drawn))


def _recompressed(image: Raster, rng: np.random.Generator) -> Raster:
    """Half of the time the image as it is, else after JPEG or WebP of a random quality."""
    if rng.uniform() < 0.5:
        return image
    suffix, flag = ((".jpg", cv2.IMWRITE_JPEG_QUALITY), (".webp", cv2.IMWRITE_WEBP_QUALITY))[rng.integers(2)]
    _, coded = cv2.imencode(suffix, image[..., ::-1], [flag, int(rng.integers(15, 95))])
    return np.ascontiguousarray(np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), np.uint8)[..., ::-1])


def _seen(drawn: Picture, cell: int) -> NDArray[np.int64]:
    """Visible pixels of each object in each square cell: (side, side, 5)."""
    side = SIDE // cell
    owned = drawn.owner.reshape(side, cell, side, cell)
    return np.stack([(owned == i).sum((1, 3)) for i in range(MAX_OBJECTS)], -1)


def _subject(drawn: Picture) -> NDArray[np.int8]:
    seen = _seen(drawn, PATCH)
    return np.where(seen.max(-1) >= _MIN_OF_PATCH, seen.argmax(-1), -1).astype(np.int8)


def _present(drawn: Picture) -> NDArray[np.bool_]:
    return np.asarray(_seen(drawn, PATCH * SHUFFLE) >= _MIN_OF_CELL)
