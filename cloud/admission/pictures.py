"""An uploaded file to a picture, its kind and size checked before a pixel is decoded."""

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from protos import bundle_pb2 as pb
from protos.errors import PictureError, RequestError, TooLarge
from protos.limits import check_sent_size
from protos.pictures.files import inspect_sent
from protos.pictures.files.table import PictureFile

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

# Process-wide on purpose: `warnings.catch_warnings` is not safe in the decode threads.
warnings.simplefilter("error", Image.DecompressionBombWarning)


def decode_picture(data: bytes, manifest: pb.Manifest) -> NDArray[np.uint8]:
    """A file's bytes as upright RGB (h, w, 3). Raises PictureError or TooLarge."""
    picture = open_picture(data, manifest)
    with _broken_files_refused():
        return on_white(picture)


def open_picture(data: bytes, manifest: pb.Manifest) -> Image.Image:
    """A file's bytes as an upright picture of 8 bits a channel, in its own mode. Raises PictureError or
    TooLarge.
    """
    max_bytes = manifest.limits.max_picture_bytes
    if len(data) > max_bytes:
        message = (
            f"the picture has {len(data)} bytes, at most {max_bytes} are accepted: "
            "scale it down, or compress it more"
        )
        raise TooLarge(message, bytes=len(data))
    with _broken_files_refused():
        file = inspect_sent(data)
        check_sent_size(file.height, file.width, manifest)
        image = _decoded(file)
    turn = _TURNS.get(file.orientation)
    return image.transpose(turn) if turn is not None else image


def on_white(picture: Image.Image) -> NDArray[np.uint8]:
    """A picture as RGB (h, w, 3), transparent pixels laid onto white as transformers' processors do it."""
    if "A" in picture.getbands() or picture.info.get("transparency") is not None:
        opaque = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", opaque.size, "white"), opaque)
    return np.array(picture.convert("RGB"))


@contextmanager
def _broken_files_refused() -> Iterator[None]:
    """Raises PictureError for whatever a decoder raises at broken bytes. Its words are of its own inside,
    with addresses in them, and for no caller.
    """
    try:
        yield
    except (RequestError, MemoryError):
        raise
    except Exception as error:
        raise PictureError(
            "the picture cannot be decoded, for its file is damaged or of an unusual kind; save it again as "
            "JPEG or PNG"
        ) from error


def _decoded(file: PictureFile) -> Image.Image:
    """By Pillow, which tries no other format than the file's own."""
    with Image.open(io.BytesIO(file.data), formats=[file.kind.pillow]) as image:
        if image.size != (file.width, file.height):
            raise PictureError("the picture is not as large as its file claims; send it as JPEG or PNG")
        return _eight_bits(image)


def _eight_bits(image: Image.Image) -> Image.Image:
    """16-bit grey to its high byte, as PIL itself does for 16-bit colour; PIL's own conversion would clip
    at 255.
    """
    if not image.mode.startswith("I;16"):
        image.load()
        return image
    values = np.asarray(image)
    shades = (values >> 8).astype(np.uint8)
    shade = image.info.get("transparency")
    if shade is not None:
        shades[values == shade] = 255
    return Image.fromarray(shades)
