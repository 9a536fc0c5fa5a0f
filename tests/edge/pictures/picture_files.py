"""One scene, and what Pillow and transformers make of a file that holds it. `kinds` has the files."""

import io
import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps
from transformers.image_transforms import convert_to_rgb

Picture = NDArray[np.uint8]
_HEIGHT, _WIDTH = 43, 61


def scene(height: int = _HEIGHT, width: int = _WIDTH, seed: int = 0) -> Picture:
    """Smooth colours with a little noise, (height, width, 3)."""
    random = np.random.default_rng(seed)
    coarse = Image.fromarray(random.integers(0, 256, (4, 6, 3), np.uint8)).resize(
        (width, height), Image.Resampling.BICUBIC
    )
    noisy = np.asarray(coarse, np.int16) + random.integers(-8, 9, (height, width, 3))
    return noisy.clip(0, 255).astype(np.uint8)


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def opened(data: bytes) -> Image.Image:
    """A file as Pillow has it, upright, in its own mode."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns of what it reads nevertheless
        return ImageOps.exif_transpose(Image.open(io.BytesIO(data)))


def seen(data: bytes) -> Picture:
    """What transformers' processors make of a file: RGB, on white where it is transparent. But for grey
    of 16 bits its upper 8, where they would see nearly all of it white.
    """
    image = opened(data)
    if not image.mode.startswith("I"):
        return np.asarray(convert_to_rgb(image, return_numpy=True))
    deep = np.asarray(image)
    shades = np.where(deep == image.info.get("transparency"), 255, deep >> 8).astype(np.uint8)
    return np.repeat(shades[..., None], 3, axis=2)


def grey16() -> NDArray[np.uint16]:
    """The scene in grey, 16 bits."""
    return np.asarray(Image.fromarray(scene()).convert("L")).astype(np.uint16) * 256 + 77
