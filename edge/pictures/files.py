"""Pictures from files and bytes, upright and RGB, as the models' own processors see them; and back into bytes
for an upload.

What Pillow does (`exif_transpose`) and then transformers (`convert_to_rgb`) is what OpenCV does here:
rotation applied, transparency laid onto white, palettes and CMYK converted. One difference is meant: 16-bit
grey is scaled to 8 bits, where Pillow clips nearly all of it to white.
"""

from pathlib import Path

import cv2
import numpy as np

from edge.pictures import headers, orientation, transparency
from edge.pictures.resampling import Picture
from protos.errors import PictureError

MAX_PIXELS = 1 << 26  # 192 MiB decoded
_MAX_FILE_BYTES = 1 << 29

# a broken file is reported once, by us, and not by the decoder on stderr as well
cv2.utils.logging.setLogLevel(0)


def read_picture(path: Path | str, max_pixels: int = MAX_PIXELS) -> Picture:
    """Any image file as RGB (h, w, 3), upright. Raises PictureError."""
    try:
        with Path(path).open("rb") as stream:
            data = stream.read(_MAX_FILE_BYTES + 1)
    except FileNotFoundError as error:
        raise PictureError(f"there is no file {path}; give the path of a picture", path=str(path)) from error
    except IsADirectoryError as error:
        raise PictureError(f"{path} is a folder; give the path of a picture in it", path=str(path)) from error
    except (OSError, ValueError) as error:
        raise PictureError(
            f"{path} cannot be read ({error}); check its path and permissions", path=str(path)
        ) from error
    if len(data) > _MAX_FILE_BYTES:
        raise PictureError(
            f"{path} is larger than {_MAX_FILE_BYTES >> 20} MiB; make the picture smaller", path=str(path)
        )
    try:
        return decode_picture(data, max_pixels)
    except PictureError as error:
        raise PictureError(f"{path}: {error}", path=str(path), **error.facts) from error


def decode_picture(data: bytes, max_pixels: int = MAX_PIXELS) -> Picture:
    """The bytes of an image file as RGB (h, w, 3), upright; the claimed size is checked before decoding.
    Raises PictureError.
    """
    if not data:
        raise PictureError("the picture is empty (0 bytes); get it again")
    width, height = headers.size(data)
    _check_size(width, height, max_pixels)
    picture = _decode(transparency.first_frame(data))
    _check_size(picture.shape[1], picture.shape[0], max_pixels)
    return picture


def _check_size(width: int, height: int, max_pixels: int) -> None:
    if not width or not height:
        raise PictureError(f"the picture claims {width} x {height} pixels; save it again")
    if width * height > max_pixels:
        message = (
            f"the picture has {width} x {height} pixels, at most {max_pixels / 1e6:.1f} million are "
            "accepted; make it smaller"
        )
        raise PictureError(message, width=width, height=height, max_pixels=max_pixels)


def _decode(data: bytes) -> Picture:
    transparent = transparency.possible(data)
    how = cv2.IMREAD_UNCHANGED if transparent else cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION
    try:
        decoded, kinds, metadata = cv2.imdecodeWithMetadata(np.frombuffer(data, np.uint8), how)
    except cv2.error as error:
        raise PictureError("the picture cannot be decoded; save it again as JPEG or PNG") from error
    if decoded is None:
        raise PictureError("the picture is broken or cut off; get it again, or save it anew as JPEG or PNG")
    picture = transparency.on_white(decoded, data) if transparent else decoded
    exif = next(
        (
            found.tobytes()
            for kind, found in zip(kinds, metadata, strict=True)
            if kind == cv2.IMAGE_METADATA_EXIF
        ),
        b"",
    )
    return orientation.turn(picture, orientation.declared(data, exif))
