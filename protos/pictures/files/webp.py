"""WebP: its canvas, whether it is transparent, and what its chunks say of its orientation."""

import struct
from collections.abc import Iterator

from protos.pictures.files.orientation import orientation
from protos.pictures.files.table import KINDS, PictureFile, unknown

_ALPHA, _EXIF, _XMP = 16, 8, 4  # flags of VP8X


def read(data: bytes) -> PictureFile:
    """Raises PictureError for what is no WebP."""
    if data[8:12] != b"WEBP":
        raise unknown()
    kind = KINDS["WebP"]
    form = data[12:16]
    if form == b"VP8X":
        flags, blocks = data[20], dict(_chunks(data))
        exif = blocks.get(b"EXIF", b"") if flags & _EXIF else b""
        xmp = blocks.get(b"XMP ", b"") if flags & _XMP else b""
        width, height = (int.from_bytes(data[place : place + 3], "little") + 1 for place in (24, 27))
        return PictureFile(kind, width, height, data, orientation(exif, xmp), bool(flags & _ALPHA))
    if form == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        return PictureFile(
            kind, (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1, data, transparent=bool(bits >> 28 & 1)
        )
    if form == b"VP8 ":
        width, height = struct.unpack_from("<HH", data, 26)
        return PictureFile(kind, width & 0x3FFF, height & 0x3FFF, data)
    raise unknown()


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    place = 12
    while place + 8 <= len(data):
        (size,) = struct.unpack_from("<I", data, place + 4)
        yield data[place : place + 4], data[place + 8 : place + 8 + size]
        place += 8 + size + size % 2
