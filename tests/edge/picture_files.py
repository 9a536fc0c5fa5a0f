"""One scene in every kind of file that a person has, and what Pillow makes of each."""

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

Picture = NDArray[np.uint8]
_ORIENTATION = 0x0112
_HEIGHT, _WIDTH = 43, 61


def scene(height: int = _HEIGHT, width: int = _WIDTH, seed: int = 0) -> Picture:
    """Smooth colours with a little noise, (height, width, 3)."""
    random = np.random.default_rng(seed)
    coarse = Image.fromarray(random.integers(0, 256, (4, 6, 3), np.uint8)).resize((width, height), Image.Resampling.BICUBIC)
    noisy = np.asarray(coarse, np.int16) + random.integers(-8, 9, (height, width, 3))
    return noisy.clip(0, 255).astype(np.uint8)


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def upright(data: bytes) -> Picture:
    """What `transformers.image_utils.load_image` does to a file."""
    turned = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
    return np.array(turned.convert("RGB"))


def grey16() -> NDArray[np.uint16]:
    """The scene in grey, 16 bits."""
    return np.asarray(Image.fromarray(scene()).convert("L")).astype(np.uint16) * 256 + 77


def files() -> dict[str, bytes]:
    """Name -> bytes of a file that holds the scene."""
    return _plain() | _rotated() | _transparent() | _unusual() | _odd_sizes()


def _plain() -> dict[str, bytes]:
    image = Image.fromarray(scene())
    kinds = {"PNG": {}, "JPEG": {"quality": 90}, "WEBP": {"quality": 90}, "BMP": {}, "TIFF": {}, "AVIF": {}, "PPM": {}}
    named = {kind: saved(image, kind, **options) for kind, options in kinds.items()}
    for mode in ("L", "1", "P"):
        named |= {f"{kind} {mode}": saved(image.convert(mode), kind) for kind in ("PNG", "BMP", "TIFF", "GIF")}
    return named | {"JPEG L": saved(image.convert("L"), "JPEG")}


def _rotated() -> dict[str, bytes]:
    image = Image.fromarray(scene())
    named: dict[str, bytes] = {}
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[_ORIENTATION] = orientation
        named |= {f"{kind} turned {orientation}": saved(image, kind, exif=exif) for kind in ("JPEG", "PNG", "WEBP", "TIFF")}
    return named


def _transparent() -> dict[str, bytes]:
    image = Image.fromarray(scene())
    alpha = Image.fromarray(scene(seed=1)[..., 0])
    colour, grey = image.copy(), image.convert("L")
    colour.putalpha(alpha)
    grey.putalpha(alpha)
    return {
        "PNG RGBA": saved(colour, "PNG"),
        "PNG LA": saved(grey, "PNG"),
        "PNG P transparent": saved(image.convert("P"), "PNG", transparency=3),
        "TIFF RGBA": saved(colour, "TIFF"),
        "WEBP RGBA": saved(colour, "WEBP", lossless=True, exact=True),
    }


def _unusual() -> dict[str, bytes]:
    image = Image.fromarray(scene())
    cmyk = saved(image.convert("CMYK"), "JPEG", quality=90)
    frames = {"save_all": True, "append_images": [ImageOps.flip(image)]}
    named = {"JPEG CMYK": cmyk, "JPEG CMYK without Adobe's marker": _without_adobe(cmyk), "TIFF CMYK": saved(image.convert("CMYK"), "TIFF")}
    named |= {f"{kind} of two frames": saved(image, kind, **frames) for kind in ("GIF", "PNG")}
    return named | {
        "JPEG progressive": saved(image, "JPEG", progressive=True),
        "JPEG with bytes behind it": saved(image, "JPEG") + b"a phone's own trailer" * 9,
        "JPEG with a thumbnail's header in a comment": saved(image, "JPEG", comment=b"\xff\xd8\xff\xc0\x00\x11\x08\xff\xff\xff\xff\x03"),
        "TIFF LZW": saved(image, "TIFF", compression="tiff_lzw"),
    }


def _without_adobe(jpeg: bytes) -> bytes:
    place = jpeg.index(b"\xff\xee")
    return jpeg[:place] + jpeg[place + 2 + int.from_bytes(jpeg[place + 2 : place + 4], "big") :]


def _odd_sizes() -> dict[str, bytes]:
    sizes = ((1, 1), (1, 300), (300, 1), (3, 2), (2, 500), (129, 127), (257, 640))
    return {f"{kind} {w} x {h}": saved(Image.fromarray(scene(h, w)), kind) for h, w in sizes for kind in ("PNG", "JPEG")}
