"""How large a picture is, from the first bytes of its file: asked before anything is decoded.

A few hundred bytes can claim a picture of many gigabytes. Decoders allocate what the header claims, so a file
whose claim is not understood here is not decoded at all.
"""

import re
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from protos.errors import PictureError

KINDS = "JPEG, PNG, WebP, GIF, BMP, TIFF, AVIF, PPM"
_Size = tuple[int, int]  # width, height

_JPEG_MARKER = re.compile(rb"\xff([^\x00\xff])")
_JPEG_WITHOUT_LENGTH = {0x01, *range(0xD0, 0xD9)}
_JPEG_FRAMES = set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_TIFF_WIDTH, _TIFF_HEIGHT = 256, 257
_PPM = re.compile(rb"P[1-6](?:\s|#[^\n]*\n)+(\d{1,9})(?:\s|#[^\n]*\n)+(\d{1,9})\s")


@contextmanager
def complete() -> Iterator[None]:
    """Within it, to read behind the end of a file is a PictureError."""
    try:
        yield
    except (struct.error, IndexError) as error:
        raise PictureError("the picture's file ends within its header; get it again") from error


@complete()
def size(data: bytes) -> _Size:
    """Width and height that a picture file claims, before rotation. Raises PictureError where no claim can be
    read.
    """
    for magic, read in _READERS.items():
        if data.startswith(magic):
            return read(data)
    if is_avif(data):
        return _avif(data)
    if match := _PPM.match(data):
        return int(match[1]), int(match[2])
    raise PictureError(f"this is not a picture of a known kind; save it as one of: {KINDS}")


def is_avif(data: bytes) -> bool:
    return data[4:8] == b"ftyp"


def is_tiff(data: bytes) -> bool:
    return data.startswith((b"II*\0", b"MM\0*"))


def tiff_values(data: bytes) -> Iterator[tuple[int, int]]:
    """Tag and value, for every entry of a TIFF's first directory whose value is one number. EXIF is such a
    TIFF.
    """
    order = "<" if data.startswith(b"II") else ">"
    (start,) = struct.unpack_from(order + "I", data, 4)
    (count,) = struct.unpack_from(order + "H", data, start)
    for place in range(start + 2, start + 2 + 12 * count, 12):
        tag, kind, length = struct.unpack_from(order + "HHI", data, place)
        if length == 1 and kind in (3, 4):
            yield tag, struct.unpack_from(order + ("H" if kind == 3 else "I"), data, place + 8)[0]


def _png(data: bytes) -> _Size:
    if data[12:16] != b"IHDR":
        raise PictureError("the PNG does not begin with its header; save it again")
    width, height = struct.unpack_from(">II", data, 16)
    return width, height


def _gif(data: bytes) -> _Size:
    width, height = struct.unpack_from("<HH", data, 6)
    return width, height


def _bmp(data: bytes) -> _Size:
    if struct.unpack_from("<I", data, 14)[0] == 12:
        width, height = struct.unpack_from("<HH", data, 18)
    else:
        width, height = struct.unpack_from("<ii", data, 18)
    return abs(width), abs(height)


def _webp(data: bytes) -> _Size:
    kind = data[8:16]
    if kind == b"WEBPVP8X":
        return int.from_bytes(data[24:27], "little") + 1, int.from_bytes(data[27:30], "little") + 1
    if kind == b"WEBPVP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"WEBPVP8 ":
        width, height = struct.unpack_from("<HH", data, 26)
        return width & 0x3FFF, height & 0x3FFF
    raise PictureError(f"this is not a picture of a known kind; save it as one of: {KINDS}")


def _jpeg(data: bytes) -> _Size:
    place = 2
    while True:
        marker, place = _marker(data, place)
        if marker in _JPEG_FRAMES:
            height, width = struct.unpack_from(">HH", data, place + 3)
            return width, height
        if marker not in _JPEG_WITHOUT_LENGTH:
            place += struct.unpack_from(">H", data, place)[0]


def _marker(data: bytes, place: int) -> tuple[int, int]:
    """The next JPEG marker, and the place behind it; fill bytes before it are passed over."""
    found = _JPEG_MARKER.search(data, place)
    if not found:
        raise IndexError
    return found[1][0], found.end()


def _tiff(data: bytes) -> _Size:
    values = dict(tiff_values(data))
    return values.get(_TIFF_WIDTH, 0), values.get(_TIFF_HEIGHT, 0)


def _avif(data: bytes) -> _Size:
    if data[8:12] in (b"heic", b"heix", b"mif1", b"msf1") and b"avif" not in data[8:64]:
        raise PictureError("HEIC pictures cannot be decoded here; save it as JPEG or PNG")
    begin = data[: 1 << 16]
    sizes = [struct.unpack_from(">II", data, match.end() + 4) for match in re.finditer(b"ispe", begin)]
    if not sizes:
        raise PictureError(f"this is not a picture of a known kind; save it as one of: {KINDS}")
    return max(width for width, _ in sizes), max(height for _, height in sizes)


_READERS: dict[bytes, Callable[[bytes], _Size]] = {
    b"\x89PNG\r\n\x1a\n": _png,
    b"\xff\xd8": _jpeg,
    b"RIFF": _webp,
    b"GIF87a": _gif,
    b"GIF89a": _gif,
    b"BM": _bmp,
    b"II*\0": _tiff,
    b"MM\0*": _tiff,
}
