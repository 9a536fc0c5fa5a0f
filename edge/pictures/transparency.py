"""Transparent pictures: which files may hold one, and how it is laid onto white.

White is what a viewer shows behind them, and what the models' own processors put there (transformers'
`convert_to_rgb`).
"""

import re
import struct
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.pictures import headers
from edge.pictures.resampling import Picture
from protos.errors import PictureError

Decoded = NDArray[Any]  # uint8 or uint16; grey (h, w), BGR (h, w, 3) or BGRA (h, w, 4)

_TIFF_PHOTOMETRIC, _TIFF_CHANNELS, _TIFF_EXTRA = 262, 277, 338
_TIFF_RGB = 2
_TIFF_PREMULTIPLIED, _TIFF_STRAIGHT = 1, 2
_AVIF_ALPHA = re.compile(rb"auxiliary:alpha|hevc:2015:auxid:1")
_AVIF_DEPTH = re.compile(rb"av1C..(.)", re.DOTALL)


@headers.complete()
def possible(data: bytes) -> bool:
    """Whether a file may be transparent, by its header. Raises PictureError where the decoder would lose
    it.
    """
    for magic, read in _READERS.items():
        if data.startswith(magic):
            return read(data)
    return headers.is_avif(data) and bool(_AVIF_ALPHA.search(data[: 1 << 16]))


@headers.complete()
def first_frame(data: bytes) -> bytes:
    """A GIF without all frames but its first; any other file as it is.

    Whether OpenCV decodes the first frame as transparent would depend on the last.
    """
    if not data.startswith(b"GIF"):
        return data
    place = 13 + _gif_palette(data[10])
    while data[place] == ord("!"):
        place = _behind_gif_blocks(data, place + 2)
    place += 10 + _gif_palette(data[place + 9])
    return data[: _behind_gif_blocks(data, place + 1)] + b";"


@headers.complete()
def on_white(decoded: Decoded, data: bytes) -> Picture:
    """The unchanged pixels of a file `data` on a white background, to the bit as Pillow's `alpha_composite`
    has them.
    """
    if decoded.ndim == 2:
        return np.asarray(
            cv2.cvtColor(_eight_bits(_without_key(decoded, data), data), cv2.COLOR_GRAY2RGB), np.uint8
        )
    picture = _eight_bits(decoded, data)
    colours = cv2.cvtColor(picture, cv2.COLOR_BGRA2RGB if picture.shape[2] == 4 else cv2.COLOR_BGR2RGB)
    if picture.shape[2] == 4:
        alpha = cv2.cvtColor(cv2.extractChannel(picture, 3), cv2.COLOR_GRAY2RGB)
        colours = cv2.add(_faded(colours, alpha, decoded, data), cv2.bitwise_not(alpha))
    return np.asarray(colours, np.uint8)


def _eight_bits(picture: Decoded, data: bytes) -> Picture:
    if picture.dtype == np.uint8:
        return picture
    if picture.dtype != np.uint16:
        raise PictureError(
            f"the picture holds transparency and pixels of {picture.dtype}; convert it to 8 or 16 bits"
        )
    avif = _AVIF_DEPTH.search(data[: 1 << 16]) if headers.is_avif(data) else None
    depth = 16 if not avif else 12 if avif[1][0] & 0x20 else 10
    return (picture >> (depth - 8)).astype(np.uint8)


def _without_key(grey: Decoded, data: bytes) -> Decoded:
    """Grey with its one transparent shade made white: PNG knows one, and OpenCV passes over it."""
    key = _png_key(data) if data.startswith(b"\x89PNG") else None
    if key is None:
        return grey
    white = np.iinfo(grey.dtype).max
    shade = struct.unpack_from(">H", key)[0] * (white // (2 ** data[24] - 1))
    return np.where(grey == shade, white, grey).astype(grey.dtype)


def _faded(colours: Picture, alpha: Picture, decoded: Decoded, data: bytes) -> Picture:
    """Colours times alpha. A TIFF may hold just that; Pillow divides by alpha first, rounding down, and so
    must we.
    """
    extra = dict(headers.tiff_values(data)).get(_TIFF_EXTRA) if headers.is_tiff(data) else None
    if extra == _TIFF_STRAIGHT and decoded.dtype == np.uint8:
        return colours  # OpenCV has multiplied them
    if extra == _TIFF_PREMULTIPLIED:
        colours = np.minimum(colours.astype(np.uint16) * 255 // np.maximum(alpha, 1), 255).astype(np.uint8)
    return np.asarray(cv2.multiply(colours, alpha, scale=1 / 255), np.uint8)


def _png(data: bytes) -> bool:
    return bool(data[25] & 4) or _png_key(data) is not None


def _png_key(data: bytes) -> bytes | None:
    """What a PNG without an alpha channel says of transparency."""
    place = 8
    while (name := data[place + 4 : place + 8]) not in (b"IDAT", b""):
        (length,) = struct.unpack_from(">I", data, place)
        if name == b"tRNS":
            return data[place + 8 : place + 8 + length]
        place += 12 + length
    return None


def _webp(data: bytes) -> bool:
    flags = {b"VP8X": data[20], b"VP8L": data[24]}.get(data[12:16], 0)
    return bool(flags & 16)


def _bmp(data: bytes) -> bool:
    return data[28] == 32


def _tiff(data: bytes) -> bool:
    values = dict(headers.tiff_values(data))
    alpha = values.get(_TIFF_EXTRA) in (_TIFF_PREMULTIPLIED, _TIFF_STRAIGHT)
    if values.get(_TIFF_PHOTOMETRIC) == _TIFF_RGB:
        return alpha or (values.get(_TIFF_CHANNELS) == 4 and _TIFF_EXTRA not in values)
    if alpha:
        raise PictureError("a transparent TIFF whose colours are not RGB cannot be read; save it as PNG")
    return False


def _gif(_: bytes) -> bool:
    return True


def _gif_palette(flags: int) -> int:
    return 3 * (2 << (flags & 7)) if flags & 0x80 else 0


def _behind_gif_blocks(data: bytes, place: int) -> int:
    while data[place]:
        place += 1 + data[place]
    return place + 1


_READERS: dict[bytes, Callable[[bytes], bool]] = {
    b"\x89PNG": _png,
    b"RIFF": _webp,
    b"GIF": _gif,
    b"BM": _bmp,
    b"II*\0": _tiff,
    b"MM\0*": _tiff,
}
