"""What a split is calibrated and measured on: pictures, and questions with known answers where there are
any.
"""

import hashlib
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, count, cycle
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage
from PIL import ImageOps, UnidentifiedImageError

from protos.errors import CheckpointError, PictureError
from protos.pictures.files import inspect
from splitter.nano.questions import Question, ask_all
from splitter.nano.scenes import CALIBRATION_SEEDS, HELD_OUT_SEEDS, picture

Image = NDArray[np.uint8]
AGREEMENT = "agreement"
SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"}
_MIN_PART = 0.55  # of a picture's height and of its width
# how many views are left as they are; of two in one, how often both are seen through each other
_PLAIN = 0.5
_SHINING = 0.3
GENERIC = ("describe the image.", "what is in the image?")


@dataclass(frozen=True)
class Subject:
    """`calibration` pictures that fitting may see; `pictures` that it may not, and questions about them by
    index.

    Pictures are RGB uint8 (h, w, 3). A question of kind "agreement" has no answer of its own: the whole
    model's counts.
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


def picture_files(path: Path) -> list[Path]:
    """The pictures in a folder and below it, by name. Raises CheckpointError for too few of them."""
    files = sorted(p for p in path.rglob("*") if p.suffix.lower() in SUFFIXES) if path.is_dir() else []
    if len(files) < 8:
        held = f"holds {len(files)} pictures" if path.is_dir() else "is no folder"
        message = (
            f"{path} {held}; calibration needs a folder with at least 8 (better "
            f"200) of {', '.join(sorted(SUFFIXES))}"
        )
        raise CheckpointError(message, path=str(path))
    return files


def check_calibration(path: Path | None) -> None:
    """Raises CheckpointError for what a checkpoint other than the built-in one cannot be calibrated on."""
    if path is None:
        raise CheckpointError(
            "a checkpoint of your own needs --calibration DIR: a folder of pictures like those it will see"
        )
    picture_files(path)


def folder(path: Path, max_calibration: int, max_pictures: int) -> Subject:
    """Any folder of pictures: every fourth is kept for measuring agreement with the whole model."""
    files = picture_files(path)
    kept = files[::4][:max_pictures]
    seen = [file for i, file in enumerate(files) if i % 4][:max_calibration]
    questions = [(i, Question(AGREEMENT, text, "")) for i in range(len(kept)) for text in GENERIC]
    return Subject([read(file) for file in seen], [read(file) for file in kept], questions)


def more_scenes(seen: int) -> Iterator[Image]:
    """Further scenes to fit on, beyond so many that were seen."""
    return (picture(CALIBRATION_SEEDS + i).image for i in count(seen))


def views(pictures: Sequence[Image], seed: int = 0) -> Iterator[Image]:
    """Without end, pictures like these: parts of them, mirrored or in other colours, or several in one.

    A tail tells what each of them shows without being told: to learn what it looks at, a few pictures so
    make thousands.
    """
    rng = np.random.default_rng(seed)
    for image in cycle(pictures):
        part = _part(image, rng)
        made = (
            part.astype(np.float32)
            if rng.random() < _PLAIN
            else _joined(part, _part(pictures[int(rng.integers(len(pictures)))], rng), rng)
        )
        yield np.ascontiguousarray(made.clip(0, 255).astype(np.uint8))


def _part(image: Image, rng: np.random.Generator) -> Image:
    """A part of a picture, perhaps as in a mirror and in other colours."""
    height, width = (max(1, round(side * rng.uniform(_MIN_PART, 1))) for side in image.shape[:2])
    top, left = rng.integers(0, image.shape[0] - height + 1), rng.integers(0, image.shape[1] - width + 1)
    part = image[top : top + height, left : left + width]
    turned = part[:, ::-1] if rng.random() < _PLAIN else part
    return turned if rng.random() < _PLAIN else _recoloured(turned, rng)


def _recoloured(part: Image, rng: np.random.Generator) -> Image:
    """Paler or more vivid, in more or less contrast, in a light of another colour."""
    grey = part.mean(2, keepdims=True)
    vivid = grey + (part - grey) * rng.uniform(0.3, 1.7)
    mean = vivid.mean((0, 1))
    lit = ((vivid - mean) * rng.uniform(0.7, 1.3) + mean) * rng.uniform(0.8, 1.2, 3) + rng.uniform(-20, 20)
    return np.asarray(lit.clip(0, 255), np.uint8)


def _joined(one: Image, other: Image, rng: np.random.Generator) -> NDArray[np.float32]:
    """Two pictures as one of the first's size: the second shines through the first, or stands in a part of
    it.
    """
    height, width = one.shape[:2]
    made = one.astype(np.float32)
    if rng.random() < _SHINING:
        share = rng.uniform(0.5, 0.85)
        return np.asarray(made * share + cv2.resize(other, (width, height)) * (1 - share), np.float32)
    high, wide = (max(1, round(side * rng.uniform(0.25, 0.75))) for side in (height, width))
    top, left = rng.integers(0, height - high + 1), rng.integers(0, width - wide + 1)
    made[top : top + high, left : left + wide] = cv2.resize(other, (wide, high), interpolation=cv2.INTER_AREA)
    return made


def fewer(subject: Subject, tiles: Callable[[Image], int], most: int) -> Subject:
    """The first pictures of each kind, as many as become at most so many tiles, but at least one."""
    seen, held = (kept[: _fitting(kept, tiles, most)] for kept in (subject.calibration, subject.pictures))
    return Subject(seen, held, [asked for asked in subject.questions if asked[0] < len(held)])


def _fitting(pictures: Sequence[Image], tiles: Callable[[Image], int], most: int) -> int:
    return max(1, sum(total <= most for total in accumulate(map(tiles, pictures))))


def fingerprint(image: Image) -> str:
    """What tells a picture from all others: half of a SHA-256, in hex."""
    return hashlib.sha256(repr(image.shape).encode() + image.tobytes()).hexdigest()[:32]


def read(path: Path) -> Image:
    """A picture file as a device sees it: RGB, upright, on white where it is transparent. Raises
    CheckpointError for what a device would refuse.
    """
    from transformers.image_transforms import convert_to_rgb

    try:
        data = path.read_bytes()
        inspect(data)
        with PillowImage.open(io.BytesIO(data)) as image:
            upright = ImageOps.exif_transpose(image)
            if upright.mode.startswith("I;16"):  # grey, of which Pillow would make nearly all white
                upright = PillowImage.fromarray((np.asarray(upright) >> 8).astype(np.uint8))
            return np.asarray(convert_to_rgb(upright, return_numpy=True))
    except (OSError, UnidentifiedImageError, ValueError, PictureError) as error:
        raise CheckpointError(
            f"{path} is not a picture that can be read ({error}); take it out of the folder", path=str(path)
        ) from error
