"""JPEG: its frame's size and coding, and what it says of its orientation."""

import re
import struct
from collections.abc import Iterator

from protos.errors import PictureError
from protos.pictures.files.orientation import orientation
from protos.pictures.files.table import KINDS, PictureFile, refusal

_MARKER = re.compile(rb"\xff([^\x00\xff])")
_WITHOUT_LENGTH = {0x01, *range(0xD0, 0xD9)}
_FRAMES = set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_HUFFMAN = {0xC0, 0xC1, 0xC2}  # baseline, extended, progressive
_SCAN, _END, _APP1 = 0xDA, 0xD9, 0xE1
_SEGMENT = re.compile(rb"\xff([\xc0-\xcf\xd9-\xfe])")  # others, as restarts, belong to a scan's pixels
_MAX_SEGMENTS = 4096  # before the first scan; a colour profile and descriptions are some hundred at most
_MAX_SCANS = 64  # encoders write 10 to 20; an empty one costs a pass over all coefficients
_EXIF, _XMP = b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0"
_CHANNELS = {1: "JPEG", 3: "JPEG", 4: "JPEG CMYK"}


def read(data: bytes) -> PictureFile:
    """Raises PictureError for a coding that nobody reads, and for scans without end."""
    frame, exif, xmp = b"", [b""], b""
    for marker, segment in _segments(data):
        if marker in _FRAMES:
            if segment[0] != 8 or marker not in _HUFFMAN or segment[5] not in _CHANNELS:
                raise refusal("JPEG of 12 bits, or coded arithmetically or without loss")
            frame = segment
        elif marker == _APP1 and segment.startswith(_EXIF):
            exif.append(segment.removeprefix(_EXIF) if len(exif) > 1 else segment)
        elif marker == _APP1 and segment.startswith(_XMP):
            xmp = segment.removeprefix(_XMP)
    if _scans(data) > _MAX_SCANS:
        raise PictureError(f"the JPEG has more than {_MAX_SCANS} scans; save it again, or as PNG")
    height, width = struct.unpack_from(">HH", frame, 1)
    return PictureFile(KINDS[_CHANNELS[frame[5]]], width, height, data, orientation(b"".join(exif), xmp))


def _scans(data: bytes) -> int:
    """How many scans a decoder would meet; what lies in other segments or behind the end is none."""
    scans, place = 0, 2
    while scans <= _MAX_SCANS and (found := _SEGMENT.search(data, place)):
        if (marker := found[1][0]) == _END:
            break
        scans += marker == _SCAN
        place = found.end() + int.from_bytes(data[found.end() : found.end() + 2], "big")
    return scans


def _segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Marker and content, up to the first scan. Raises IndexError where there is none, PictureError where it
    is far.
    """
    place = 2
    for _ in range(_MAX_SEGMENTS):
        found = _MARKER.search(data, place)  # fill bytes before a marker are passed over
        if not found:
            raise IndexError
        marker, place = found[1][0], found.end()
        if marker == _SCAN:
            return
        if marker not in _WITHOUT_LENGTH:
            (length,) = struct.unpack_from(">H", data, place)
            yield marker, data[place + 2 : place + length]
            place += length
    raise PictureError(f"the JPEG has more than {_MAX_SEGMENTS} segments before its pixels; save it again")
