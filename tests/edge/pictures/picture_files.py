"""One scene in every kind of file that a person has, and what Pillow and transformers make of each."""

import io
import struct
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps
from transformers.image_transforms import convert_to_rgb

Picture = NDArray[np.uint8]
_ORIENTATION, _EXTRA_SAMPLES = 274, 338
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
    return ImageOps.exif_transpose(Image.open(io.BytesIO(data)))


def seen(data: bytes) -> Picture:
    """What transformers' processors make of a file: RGB, on white where it is transparent."""
    return np.asarray(convert_to_rgb(opened(data), return_numpy=True))


def grey16() -> NDArray[np.uint16]:
    """The scene in grey, 16 bits."""
    return np.asarray(Image.fromarray(scene()).convert("L")).astype(np.uint16) * 256 + 77


def files() -> dict[str, bytes]:
    """Name -> bytes of a file that holds the scene."""
    return (
        _plain() | _rotated() | _transparent() | _keyed() | _transparent_tiffs() | _unusual() | _odd_sizes()
    )


def _plain() -> dict[str, bytes]:
    image = Image.fromarray(scene())
    kinds = {
        "PNG": {},
        "JPEG": {"quality": 90},
        "WEBP": {"quality": 90},
        "BMP": {},
        "TIFF": {},
        "AVIF": {},
        "PPM": {},
    }
    named = {kind: saved(image, kind, **options) for kind, options in kinds.items()}
    for mode in ("L", "1", "P"):
        named |= {
            f"{kind} {mode}": saved(image.convert(mode), kind) for kind in ("PNG", "BMP", "TIFF", "GIF")
        }
    return named | {"JPEG L": saved(image.convert("L"), "JPEG")}


def _rotated() -> dict[str, bytes]:
    named: dict[str, bytes] = {}
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[_ORIENTATION] = orientation
        for image in (Image.fromarray(scene()), _see_through()):
            kinds = (
                ("PNG", "WEBP", "TIFF", "AVIF")
                if image.mode == "RGBA"
                else ("JPEG", "PNG", "WEBP", "TIFF", "AVIF")
            )
            named |= {
                f"{kind} {image.mode} turned {orientation}": saved(image, kind, exif=exif) for kind in kinds
            }
    little_endian = b"Exif\0\0II*\0\x08\0\0\0" + struct.pack("<HHHIII", 1, _ORIENTATION, 3, 1, 6, 0)
    return named | {"WEBP RGBA with EXIF as in a JPEG": saved(_see_through(), "WEBP", exif=little_endian)}


def _see_through(mode: str = "RGB") -> Image.Image:
    image = Image.fromarray(scene()).convert(mode)
    image.putalpha(Image.fromarray(scene(seed=1)[..., 0]))
    return image


def _transparent() -> dict[str, bytes]:
    colour, grey = _see_through(), _see_through("L")
    holes = Image.fromarray(scene())
    holes.putalpha(colour.getchannel("A").point(lambda alpha: 255 * (alpha > 128)))
    behind = {"save_all": True, "append_images": [Image.fromarray(scene())]}
    lossless = {"lossless": True, "exact": True}
    return {
        "PNG RGBA": saved(colour, "PNG"),
        "PNG LA": saved(grey, "PNG"),
        "PNG RGBA of 16 bits": _of_16_bits(".png"),
        "PNG RGBA before an opaque frame": saved(colour, "PNG", **behind),
        "WEBP RGBA": saved(colour, "WEBP", **lossless),
        "WEBP RGBA lossy": saved(colour, "WEBP", quality=80),
        "WEBP RGBA before an opaque frame": saved(colour, "WEBP", **behind, **lossless),
        "AVIF RGBA": saved(colour, "AVIF"),
        "BMP RGBA": _bitmap(np.asarray(colour)),
        "GIF with holes": saved(holes, "GIF"),
        "GIF with holes before an opaque frame": saved(holes, "GIF", disposal=2, **behind),
        "GIF opaque before one with holes": saved(
            Image.fromarray(scene()), "GIF", save_all=True, append_images=[holes]
        ),
    }


def _keyed() -> dict[str, bytes]:
    """Pictures without an alpha channel that name what is transparent."""
    image = Image.fromarray(scene())
    few, many = image.quantize(12), image.quantize(200)
    colour = tuple(int(value) for value in scene()[3, 3])
    return {
        "PNG P with a transparent colour": saved(many, "PNG", transparency=3),
        "PNG P with an alpha for each colour": saved(many, "PNG", transparency=bytes(range(200))),
        "PNG P of 4 bits": saved(few, "PNG", transparency=bytes(range(0, 240, 20))),
        "PNG RGB with a transparent colour": saved(image, "PNG", transparency=colour),
        "PNG L with a transparent shade": saved(image.convert("L"), "PNG", transparency=100),
        "PNG of 1 bit with a transparent shade": saved(image.convert("1"), "PNG", transparency=0),
        "GIF with a transparent colour": saved(many, "GIF", transparency=3),
    }


def _transparent_tiffs() -> dict[str, bytes]:
    image = _see_through()
    straight = saved(image, "TIFF")
    premultiplied = saved(Image.frombytes("RGBA", image.size, image.convert("RGBa").tobytes()), "TIFF")
    says_straight = struct.pack("<HHIH", _EXTRA_SAMPLES, 3, 1, 2)
    return {
        "TIFF RGBA": straight,
        "TIFF RGBA LZW": saved(image, "TIFF", compression="tiff_lzw"),
        "TIFF RGBA of 16 bits": _of_16_bits(".tiff"),
        "TIFF RGBA premultiplied": premultiplied.replace(
            says_straight, struct.pack("<HHIH", _EXTRA_SAMPLES, 3, 1, 1)
        ),
        "TIFF RGBX": straight.replace(says_straight, struct.pack("<HHIH", _EXTRA_SAMPLES, 3, 1, 0)),
        "TIFF RGBA that says nothing of alpha": straight.replace(
            says_straight, struct.pack("<HHIH", 65_000, 3, 1, 2)
        ),
    }


def _of_16_bits(suffix: str) -> bytes:
    picture = np.asarray(_see_through())[..., [2, 1, 0, 3]].astype(np.uint16) * 256 + 99
    return cv2.imencode(suffix, picture)[1].tobytes()


def _bitmap(picture: Picture) -> bytes:
    """RGBA (h, w, 4) as the BMP that Pillow reads but does not write."""
    pixels = picture[::-1, :, [2, 1, 0, 3]].tobytes()
    height, width = picture.shape[:2]
    masks = struct.pack("<IIII", 0xFF0000, 0xFF00, 0xFF, 0xFF000000) + b"BGRs" + bytes(48)
    header = struct.pack("<IiiHHIIiiII", 108, width, height, 1, 32, 3, len(pixels), 2835, 2835, 0, 0) + masks
    return (
        b"BM" + struct.pack("<IHHI", 14 + len(header) + len(pixels), 0, 0, 14 + len(header)) + header + pixels
    )


def _unusual() -> dict[str, bytes]:
    image = Image.fromarray(scene())
    cmyk = saved(image.convert("CMYK"), "JPEG", quality=90)
    frames = {"save_all": True, "append_images": [ImageOps.flip(image)]}
    named = {
        "JPEG CMYK": cmyk,
        "JPEG CMYK without Adobe's marker": _without_adobe(cmyk),
        "TIFF CMYK": saved(image.convert("CMYK"), "TIFF"),
    }
    named |= {f"{kind} of two frames": saved(image, kind, **frames) for kind in ("GIF", "PNG")}
    return named | {
        "JPEG progressive": saved(image, "JPEG", progressive=True),
        "JPEG with bytes behind it": saved(image, "JPEG") + b"a phone's own trailer" * 9,
        "JPEG with a thumbnail's header in a comment": saved(
            image, "JPEG", comment=b"\xff\xd8\xff\xc0\x00\x11\x08\xff\xff\xff\xff\x03"
        ),
        "TIFF LZW": saved(image, "TIFF", compression="tiff_lzw"),
    }


def _without_adobe(jpeg: bytes) -> bytes:
    place = jpeg.index(b"\xff\xee")
    return jpeg[:place] + jpeg[place + 2 + int.from_bytes(jpeg[place + 2 : place + 4], "big") :]


def _odd_sizes() -> dict[str, bytes]:
    sizes = ((1, 1), (1, 300), (300, 1), (3, 2), (2, 500), (129, 127), (257, 640))
    return {
        f"{kind} {w} x {h}": saved(Image.fromarray(scene(h, w)), kind)
        for h, w in sizes
        for kind in ("PNG", "JPEG")
    }
