"""AVIF: its size, and which way it is to be turned, from properties of its own before EXIF and XMP."""

import re
import struct

from protos.errors import PictureError
from protos.pictures.files.orientation import orientation
from protos.pictures.files.table import KINDS, PictureFile, refusal, unknown

_HEIC = (b"heic", b"heix", b"mif1", b"msf1")
_HEAD = 1 << 16  # properties stand before the pixels
_TURN, _MIRROR = re.compile(rb"irot(.)", re.DOTALL), re.compile(rb"imir(.)", re.DOTALL)
_ORIENTATIONS = {
    None: (1, 8, 3, 6),
    0: (4, 5, 2, 7),
    1: (2, 7, 4, 5),
}  # mirror axis: by quarter turns anticlockwise
_ALPHA = re.compile(rb"auxiliary:alpha|hevc:2015:auxid:1")
_CODING = re.compile(rb"av1C..(.)", re.DOTALL)


def is_avif(data: bytes) -> bool:
    """Whether it is one, or HEIC."""
    return data[4:8] == b"ftyp"


def read(data: bytes) -> PictureFile:
    """Raises PictureError for HEIC, and for a file that does not say its size."""
    if data[8:12] in _HEIC and b"avif" not in data[8:64]:
        raise refusal("HEIC")
    head = data[:_HEAD]
    sizes = [struct.unpack_from(">II", data, match.end() + 4) for match in re.finditer(b"ispe", head)]
    if not sizes:
        raise unknown()
    width, height = (max(side) for side in zip(*sizes, strict=True))
    transparent = bool(_ALPHA.search(head))
    deep = transparent and depth(data) > 8
    kind = KINDS["AVIF of more than 8 bits with transparency" if deep else "AVIF"]
    return PictureFile(kind, width, height, data, _orientation(data, head), transparent)


def depth(data: bytes) -> int:
    """Bits a channel, by the configuration of its coding. Raises PictureError where there is none."""
    match = _CODING.search(data[:_HEAD])
    if match is None:
        raise PictureError("the AVIF does not say how it is coded; save it again, or as PNG")
    flags = match[1][0]
    return 8 if not flags & 0x40 else 12 if flags & 0x20 else 10


def _orientation(data: bytes, head: bytes) -> int:
    turn, mirror = _TURN.search(head), _MIRROR.search(head)
    own = _ORIENTATIONS[mirror[1][0] & 1 if mirror else None][turn[1][0] & 3 if turn else 0]
    # where there is EXIF, Pillow takes the properties for what it says
    return orientation(b"", data) if own == 1 and b"Exif" not in head else own
