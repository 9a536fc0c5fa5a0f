"""An uploaded file to a picture, its size checked before a pixel is decoded."""

import io
import warnings

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from protos import bundle_pb2 as pb
from protos.errors import PictureError, TooLarge
from protos.pictures.upload_formats import UPLOAD_FORMATS

# Accepted beside the upload formats: only those whose decoders run no program, as that of EPS does.
_FURTHER_FORMATS = ("PNG", "BMP", "GIF", "TIFF")

# Process-wide on purpose: `warnings.catch_warnings` is not safe in the decode threads.
warnings.simplefilter("error", Image.DecompressionBombWarning)


def decode_picture(data: bytes, limits: pb.Limits) -> NDArray[np.uint8]:
    """A file's bytes as upright RGB (h, w, 3). Raises PictureError or TooLarge."""
    picture = open_picture(data, limits)
    try:
        return on_white(picture)
    except (ValueError, OSError) as error:
        message = (
            f"a picture of mode {picture.mode} cannot become RGB ({error}); send a JPEG, PNG or WebP file"
        )
        raise PictureError(message) from error


def open_picture(data: bytes, limits: pb.Limits) -> Image.Image:
    """A file's bytes as an upright picture of 8 bits a channel, in its own mode. Raises PictureError or
    TooLarge.
    """
    if not data:
        raise PictureError("the picture is empty; send the bytes of a JPEG, PNG or WebP file")
    if len(data) > limits.max_picture_bytes:
        message = (
            f"the picture has {len(data)} bytes, at most {limits.max_picture_bytes} are accepted: "
            "scale it down, or compress it more"
        )
        raise TooLarge(message, bytes=len(data))
    try:
        with Image.open(io.BytesIO(data), formats=_formats()) as image:
            _check_pixels(image, limits.max_picture_pixels)
            return _eight_bits(ImageOps.exif_transpose(image))
    except PictureError:
        raise
    except Exception as error:  # PIL's parsers raise whatever they meet in broken bytes
        message = (
            f"the picture cannot be decoded ({type(error).__name__}: {error}); send a whole JPEG, "
            "PNG or WebP file"
        )
        raise PictureError(message) from error


def _formats() -> list[str]:
    return [*(kind.pillow for kind in UPLOAD_FORMATS.values()), *_FURTHER_FORMATS]


def on_white(picture: Image.Image) -> NDArray[np.uint8]:
    """A picture as RGB (h, w, 3), transparent pixels laid onto white as transformers' processors do it."""
    if "A" in picture.getbands() or picture.info.get("transparency") is not None:
        opaque = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", opaque.size, "white"), opaque)
    return np.array(picture.convert("RGB"))


def _check_pixels(image: Image.Image, max_pixels: int) -> None:
    width, height = image.size
    if width * height > max_pixels:
        raise PictureError(
            f"the picture is {width} x {height}, at most {max_pixels} pixels are accepted: scale it down",
            width=width,
            height=height,
        )


def _eight_bits(image: Image.Image) -> Image.Image:
    """16-bit grey to its high byte, as PIL itself does for 16-bit colour; PIL's own conversion would clip at
    255.
    """
    if image.mode == "F":
        raise PictureError("the picture holds floating-point pixels; convert it to 8 or 16 bits")
    if image.mode != "I" and not image.mode.startswith("I;16"):
        image.load()
        return image
    values = np.asarray(image).astype(np.int64)
    if values.min() < 0 or values.max() > 0xFFFF:
        raise PictureError("the picture holds more than 16 bits a pixel; convert it to 8 or 16 bits")
    return Image.fromarray((values >> 8).astype(np.uint8))
