"""What a split is calibrated and measured on: pictures, and questions with known answers where there are any."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, count
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage
from PIL import ImageOps, UnidentifiedImageError

from protos.errors import CheckpointError
from splitter.nano.questions import Question, ask_all
from splitter.nano.scenes import CALIBRATION_SEEDS, HELD_OUT_SEEDS, picture

Image = NDArray[np.uint8]
AGREEMENT = "agreement"
SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"}
_PARTS, _LEAST_PART = 12, 0.6  # of each picture; of its height and of its width
GENERIC = ("describe the image.", "what is in the image?")


@dataclass(frozen=True)
class Subject:
    """`calibration` pictures that fitting may see; `pictures` that it may not, and questions about them by index.

    Pictures are RGB uint8 (h, w, 3). A question of kind "agreement" has no answer of its own: the whole model's counts.
    """

    calibration: Sequence[Image]
    pictures: Sequence[Image]
    questions: Sequence[tuple[int, Question]]


def scenes(calibration: int, pictures: int) -> Subject:
    """Drawn scenes: the built-in model's subject. Calibration and held-out seeds never meet."""
    seen = [picture(CALIBRATION_SEEDS + i).image for i in range(calibration)]
    held_out = [picture(HELD_OUT_SEEDS + i) for i in range(pictures)]
    rng = np.random.default_rng(HELD_OUT_SEEDS)
    questions = [(i, question) for i, drawn in enumerate(held_out) for question in ask_all(drawn.scene, rng)]
    return Subject(seen, [drawn.image for drawn in held_out], questions)


def folder(path: Path, most_calibration: int, most_pictures: int) -> Subject:
    """Any folder of pictures: every fourth is kept for measuring agreement with the whole model."""
    files = sorted(p for p in path.rglob("*") if p.suffix.lower() in SUFFIXES) if path.is_dir() else []
    if len(files) < 8:
        message = (
            f"{path} holds {len(files)} pictures; calibration needs a folder with at least 8 (better 200) of {', '.join(sorted(SUFFIXES))}"
        )
        raise CheckpointError(message, path=str(path))
    kept = files[::4][:most_pictures]
    seen = [file for i, file in enumerate(files) if i % 4][:most_calibration]
    questions = [(i, Question(AGREEMENT, text, "")) for i in range(len(kept)) for text in GENERIC]
    return Subject([read(file) for file in seen], [read(file) for file in kept], questions)


def more_scenes(seen: int) -> Iterator[Image]:
    """Further scenes to fit on, beyond so many that were seen."""
    return (picture(CALIBRATION_SEEDS + i).image for i in count(seen))


def parts(pictures: Sequence[Image]) -> Iterator[Image]:
    """Parts of pictures, some as in a mirror, a few of each: other views of the same."""
    rng = np.random.default_rng(0)
    for _ in range(_PARTS):
        for image in pictures:
            height, width = (max(1, round(side * rng.uniform(_LEAST_PART, 1))) for side in image.shape[:2])
            top, left = rng.integers(0, image.shape[0] - height + 1), rng.integers(0, image.shape[1] - width + 1)
            part = image[top : top + height, left : left + width]
            yield np.ascontiguousarray(part[:, ::-1] if rng.random() < 0.5 else part)


def fewer(subject: Subject, tiles: Callable[[Image], int], most: int) -> Subject:
    """The first pictures of each kind, as many as become at most so many tiles, but at least one."""
    seen, held = (kept[: _fitting(kept, tiles, most)] for kept in (subject.calibration, subject.pictures))
    return Subject(seen, held, [asked for asked in subject.questions if asked[0] < len(held)])


def _fitting(pictures: Sequence[Image], tiles: Callable[[Image], int], most: int) -> int:
    return max(1, sum(total <= most for total in accumulate(map(tiles, pictures))))


def read(path: Path) -> Image:
    """A picture file as RGB, turned as its EXIF says. Raises CheckpointError."""
    try:
        with PillowImage.open(path) as image:
            return np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
    except (OSError, UnidentifiedImageError, ValueError) as error:
        raise CheckpointError(f"{path} is not a picture that can be read ({error}); take it out of the folder", path=str(path)) from error
