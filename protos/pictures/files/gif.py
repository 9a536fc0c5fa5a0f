"""GIF: its first frame, and where that lies on which canvas.

Pillow's canvas grows to hold the frame, and is of colour 0 around it, or transparent, whatever the header
calls the background.
"""

import struct
from dataclasses import dataclass

from protos.pictures.files.table import KINDS, PictureFile

_SHADES = bytes(shade for value in range(256) for shade in (value, value, value))


@dataclass(frozen=True)
class GifFrame:
    """A GIF's first frame: its box, its colours (3 bytes each), and a file of its own that shows its
    indices as shades of grey.
    """

    left: int
    top: int
    width: int
    height: int
    colours: bytes
    transparent: int | None
    shades: bytes
    end: int  # in the whole file


def read(data: bytes) -> PictureFile:
    """The frames behind the first are left out of what is decoded."""
    frame = first_frame(data)
    width, height = struct.unpack_from("<HH", data, 6)
    return PictureFile(
        KINDS["GIF"],
        max(width, frame.left + frame.width),
        max(height, frame.top + frame.height),
        data[: frame.end] + b";",
        transparent=frame.transparent is not None,
    )


def first_frame(data: bytes) -> GifFrame:
    """Raises IndexError or struct.error where the file ends before it."""
    colours, place = _colours(data, data[10], 13)
    transparent = None
    while data[place] != ord(","):
        if data[place] != ord("!"):
            raise IndexError
        if data[place + 1] == 0xF9 and data[place + 3] & 1:
            transparent = data[place + 6]
        place = _behind_blocks(data, place + 2)
    left, top, width, height, flags = struct.unpack_from("<HHHHB", data, place + 1)
    own, codes = _colours(data, flags, place + 10)
    end = _behind_blocks(data, codes + 1)
    size = struct.pack("<HH", width, height)
    screen = b"GIF89a" + size + b"\xf7\0\0" + _SHADES  # a palette of 256
    box = b"," + bytes(4) + size + bytes([flags & 0x40])
    shades = screen + box + data[codes:end] + b";"
    return GifFrame(left, top, width, height, own or colours or _SHADES, transparent, shades, end)


def _colours(data: bytes, flags: int, place: int) -> tuple[bytes, int]:
    """A palette, if the flags say that there is one, and the place behind it."""
    end = place + 3 * (2 << (flags & 7)) if flags & 0x80 else place
    return data[place:end], end


def _behind_blocks(data: bytes, place: int) -> int:
    while data[place]:
        place += 1 + data[place]
    return place + 1
