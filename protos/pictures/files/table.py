"""The one table of picture files: which kinds there are, and who is trusted to read each.

It was measured with OpenCV 5.0 and Pillow 13.0 on the files that `tests/edge/pictures/kinds` makes; a
test holds every row. A decoder is trusted with a kind only where OpenCV, on the device, gives what Pillow
and transformers give, from whom the models have learned. What it reads otherwise, a reader of our own
reads at both ends, or nobody does: another picture without a word is the one thing that must not come of
a file.
"""

from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from protos.errors import PictureError

Pixels = NDArray[np.uint8]  # RGB or RGBA (h, w, 3 or 4)
FORMATS = "JPEG, PNG, WebP, GIF, BMP, TIFF, AVIF, PPM"


class ReadBy(Enum):
    """Who turns a file's bytes into pixels."""

    DECODER = "OpenCV on the device, Pillow in the cloud"
    US = "a reader of our own, the same at both ends"
    NOBODY = "refused"


@dataclass(frozen=True)
class FileKind:
    """A row: a kind of file, who reads it, by how much of 255 OpenCV and Pillow may differ, and why so."""

    name: str
    read_by: ReadBy = ReadBy.DECODER
    pillow: str = ""  # what Pillow calls the format, where it reads it
    rounding: int = 0
    why: str = ""


def _refused(name: str, why: str) -> FileKind:
    return FileKind(name, ReadBy.NOBODY, why=why)


_KINDS = (
    FileKind("JPEG", pillow="JPEG", why="both have libjpeg-turbo, which gives the same pixels"),
    FileKind("JPEG CMYK", pillow="JPEG", rounding=2, why="OpenCV divides by 256 on the way to RGB"),
    _refused("JPEG of 12 bits, or coded arithmetically or without loss", "few decoders know it"),
    FileKind("PNG", pillow="PNG", why="decoders see IHDR, PLTE, tRNS and IDAT alone: no gamma, no animation"),
    FileKind("PNG grey of 16 bits", pillow="PNG", why="its upper 8 bits; Pillow would make nearly all white"),
    _refused(
        "PNG with a transparent colour in grey of 2 or 4 bits or RGB of 16", "decoders disagree on the colour"
    ),
    _refused("APNG whose first frame is a part of the picture", "decoders disagree on what is around it"),
    FileKind("WebP", pillow="WEBP", why="both have libwebp"),
    FileKind("GIF", pillow="GIF", why="OpenCV unpacks the first frame; its canvas and colours are ours"),
    FileKind(
        "BMP", ReadBy.US, why="OpenCV takes reserved bytes for alpha, and rounds 5 and 6 bits otherwise"
    ),
    FileKind("BMP in run lengths", pillow="BMP"),
    _refused("BMP of other fields, depth or compression", "Pillow does not know it"),
    FileKind("PBM, PGM or PPM", ReadBy.US, why="OpenCV does not scale by the greatest value"),
    _refused("PFM or PAM", "its values have no fixed white"),
    FileKind("AVIF", pillow="AVIF", why="both have libavif and read it into 8 bits"),
    FileKind("AVIF of more than 8 bits with transparency", pillow="AVIF", rounding=1, why="cut, or rounded"),
    _refused("HEIC", "decoders for it are not free"),
    FileKind("TIFF grey", pillow="TIFF", why="1 or 8 bits, black or white as zero"),
    FileKind("TIFF grey of 16 bits", pillow="TIFF", why="its upper 8 bits, as those of a PNG"),
    FileKind("TIFF palette", pillow="TIFF"),
    FileKind("TIFF RGB", pillow="TIFF", why="8 or 16 bits, with alpha, premultiplied or not, or without"),
    FileKind("TIFF CMYK", pillow="TIFF"),
    FileKind("TIFF in JPEG", pillow="TIFF"),
    _refused("TIFF in LAB", "OpenCV takes its colours for others"),
    _refused("TIFF in YCbCr", "OpenCV and Pillow round otherwise"),
    _refused("TIFF grey or palette with alpha", "OpenCV loses the alpha"),
    _refused("TIFF with white as zero in 16 bits", "OpenCV does not turn its shades round"),
    _refused("TIFF palette of 8-bit colours", "Pillow takes them for black"),
    _refused("TIFF of floats, signed or 32-bit numbers", "nothing says what is white"),
    _refused("TIFF in tiles", "OpenCV cannot read all of them"),
    _refused("TIFF of more than 4 GiB (BigTIFF)", "OpenCV and Pillow were not compared on it"),
    _refused("TIFF of another layout", "OpenCV and Pillow were not found to agree on it"),
)
KINDS = {kind.name: kind for kind in _KINDS}


@dataclass(frozen=True)
class PictureFile:
    """What a file says of itself, before a pixel is decoded.

    `data` is what a decoder is given: the first picture, and nothing by which it would turn it.
    `orientation` is EXIF's, 1 (upright) to 8, and still to be applied; width and height are those before.
    """

    kind: FileKind
    width: int
    height: int
    data: bytes
    orientation: int = 1
    transparent: bool = False


def refusal(name: str) -> PictureError:
    """The error for a row that nobody reads."""
    return PictureError(
        f"this is a {name}, which is not read here ({KINDS[name].why}); save it as JPEG or PNG", kind=name
    )


def unknown() -> PictureError:
    """The error for bytes of no kind in the table."""
    return PictureError(f"this is not a picture of a known kind; save it as one of: {FORMATS}")
