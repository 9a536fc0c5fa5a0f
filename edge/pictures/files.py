"""Pictures from files and bytes, upright and RGB, as the models' own processors see them.

What Pillow does (`exif_transpose`) and then transformers (`convert_to_rgb`) is done here without them:
rotation applied, transparency laid onto white, palettes and CMYK converted. One difference is meant:
16-bit grey is scaled to 8 bits, where Pillow clips nearly all of it to white. `protos.pictures.files` has
the table of who reads what.
"""

from pathlib import Path

from edge.pictures import decoding, orientation
from edge.pictures.resampling import Picture
from protos.errors import PictureError
from protos.pictures.files import inspect

MAX_PIXELS = 1 << 26  # 192 MiB decoded
_MAX_FILE_BYTES = 1 << 29


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
    file = inspect(data)
    _check_size(file.width, file.height, max_pixels)
    picture = decoding.pixels(file)
    if picture.shape[:2] != (file.height, file.width):
        raise PictureError("the picture is not as large as its file claims; save it again as JPEG or PNG")
    return orientation.turn(picture, file.orientation)


def _check_size(width: int, height: int, max_pixels: int) -> None:
    if not width or not height:
        raise PictureError(f"the picture claims {width} x {height} pixels; save it again")
    if width * height > max_pixels:
        message = (
            f"the picture has {width} x {height} pixels, at most {max_pixels / 1e6:.1f} million are "
            "accepted; make it smaller"
        )
        raise PictureError(message, width=width, height=height, max_pixels=max_pixels)
