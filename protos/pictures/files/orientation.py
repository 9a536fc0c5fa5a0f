"""Which way a picture is to be turned, as EXIF or XMP in its file say, read as Pillow's `getexif` reads
it.
"""

import re
import struct
from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple

_ORIENTATION = 274
_PREFIX = re.compile(rb"(?:Exif\0\0){1,2}")
_XMP = re.compile(rb'tiff:Orientation(?:="|>)([0-9])')
# TIFF's types of numbers, as struct has them. A byte is none here: Pillow does not take it for a number.
_TYPES = {
    3: "H",
    4: "I",
    5: "II",
    6: "b",
    8: "h",
    9: "i",
    10: "ii",
    11: "f",
    12: "d",
    13: "I",
    16: "Q",
}


class Entry(NamedTuple):
    """An entry of a TIFF's first directory: where it stands, its type, its length in values, and their
    bytes' beginning.
    """

    place: int
    type: int
    length: int
    values: int


def entries(data: bytes) -> Iterator[tuple[int, Entry]]:
    """Tag and entry of a TIFF's first directory; EXIF is such a TIFF. Raises struct.error where it ends
    early.
    """
    order = byte_order(data)
    (start,) = struct.unpack_from(order + "I", data, 4)
    (count,) = struct.unpack_from(order + "H", data, start)
    for place in range(start + 2, start + 2 + 12 * count, 12):
        tag, kind, length = struct.unpack_from(order + "HHI", data, place)
        small = struct.calcsize("=" + _TYPES.get(kind, "B")) * length <= 4
        values = place + 8 if small else struct.unpack_from(order + "I", data, place + 8)[0]
        yield tag, Entry(place, kind, length, values)


def byte_order(data: bytes) -> str:
    """Of a TIFF or EXIF, as struct writes it."""
    return ">" if data.startswith(b"MM") else "<"


def numbers(data: bytes, entry: Entry, at_most: int) -> tuple[float, ...]:
    """The first values of an entry; none if they are no numbers. Raises struct.error if they are not
    there.
    """
    letters = _TYPES.get(entry.type)
    if letters is None:
        return ()
    count = min(entry.length, at_most)
    values = struct.unpack_from(byte_order(data) + letters * count, data, entry.values)
    if len(letters) == 1:
        return values
    pairs = zip(values[::2], values[1::2], strict=True)
    return tuple(above / below if below else 0.0 for above, below in pairs)


def orientation(exif: bytes, xmp: bytes) -> int:
    """EXIF's, 1 (upright) to 8, of a file with these two blocks, each empty where there is none; EXIF
    counts first.
    """
    found = _by_exif(exif)
    if found is None and (match := _XMP.search(xmp)):
        found = int(match[1])
    return int(found) if found is not None and found in range(1, 9) else 1


def _by_exif(block: bytes) -> float | None:
    match = _PREFIX.match(block)
    tiff = block[match.end() :] if match else block
    if tiff.startswith((b"II*\0", b"MM\0*")):
        with suppress(struct.error):
            for tag, entry in entries(tiff):
                if tag == _ORIENTATION and entry.length:
                    return next(iter(numbers(tiff, entry, 1)), 0)
    return None
