"""BMP: read here, but for run lengths, as Pillow reads it: alpha only where a mask names it, fields of 5
and 6 bits spread over 0 to 255 and rounded down.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from protos.pictures.files.table import KINDS, PictureFile, Pixels, refusal

_HEADERS = (12, 40, 52, 56, 64, 108, 124)
_RAW, _RUNS_OF_8, _RUNS_OF_4, _FIELDS = 0, 1, 2, 3
_RUNS = {(_RUNS_OF_8, 8), (_RUNS_OF_4, 4)}
_BGR = (0xFF0000, 0xFF00, 0xFF)
_555, _565 = (0x7C00, 0x3E0, 0x1F), (0xF800, 0x7E0, 0x1F)
_BYTES = {
    (*_BGR, 0),
    (0xFF000000, 0xFF0000, 0xFF00, 0),
    (0xFF000000, 0xFF00, 0xFF, 0),
    (0xFF000000, 0xFF0000, 0xFF00, 0xFF),
    (0xFF, 0xFF00, 0xFF0000, 0xFF000000),
    (*_BGR, 0xFF000000),
    (0xFF000000, 0xFF00, 0xFF, 0xFF0000),
}
_LAYOUTS = {16: {(*_555, 0), (*_565, 0)}, 24: {(*_BGR, 0)}, 32: _BYTES}


@dataclass(frozen=True)
class _BmpHeader:
    size: int
    width: int
    height: int  # negative: the first row is on top
    bits: int
    compression: int = _RAW
    colours: int = 0
    masks: tuple[int, ...] = (0, 0, 0, 0)  # red, green, blue, alpha


def read(data: bytes) -> PictureFile:
    """Raises PictureError for fields, a depth or a compression that Pillow does not read."""
    header = _header(data)
    runs = (header.compression, header.bits) in _RUNS
    if not runs and header.compression not in {_RAW, _FIELDS}:
        raise refusal("BMP of other fields, depth or compression")
    if header.bits > 8 and header.masks not in _LAYOUTS.get(header.bits, ()):
        raise refusal("BMP of other fields, depth or compression")
    kind = KINDS["BMP in run lengths" if runs else "BMP"]
    return PictureFile(kind, header.width, abs(header.height), data, transparent=header.masks[3] > 0)


def pixels(data: bytes) -> Pixels:
    """RGB, or RGBA where a mask names alpha. Raises ValueError where the file ends before its last row."""
    header = _header(data)
    rows = _rows(data, header)
    if header.bits <= 8:
        shifts = np.arange(8 - header.bits, -1, -header.bits).astype(np.uint8)
        indices = (rows[..., None] >> shifts & (1 << header.bits) - 1).reshape(len(rows), -1)
        out = _palette(data, header).take(indices[:, : header.width], axis=0)
    else:
        used = rows[:, : header.width * header.bits // 8]
        out = _true_colours(used.reshape(len(rows), header.width, -1), header.masks)
    return np.ascontiguousarray(out if header.height < 0 else out[::-1], np.uint8)


def _header(data: bytes) -> _BmpHeader:
    (size,) = struct.unpack_from("<I", data, 14)
    if size not in _HEADERS:
        raise refusal("BMP of other fields, depth or compression")
    if size == 12:
        width, height, bits = struct.unpack_from("<HH2xH", data, 18)
        return _depth_checked(_BmpHeader(size, width, height, bits, masks=_default_masks(bits)))
    width, height, bits, compression, colours = struct.unpack_from("<ii2xHI12xI", data, 18)
    masks = _default_masks(bits)
    if compression == _FIELDS:
        named = 4 if size >= 56 else 3
        masks = (*struct.unpack_from(f"<{named}I", data, 54), 0)[:4]
        if bits == 32 and not any(masks):
            masks = (*_BGR, 0xFF000000)
        elif bits < 32:
            masks = (*masks[:3], 0)
    return _depth_checked(_BmpHeader(size, abs(width), height, bits, compression, colours, masks))


def _depth_checked(header: _BmpHeader) -> _BmpHeader:
    indexed = (
        header.bits in {1, 4, 8} and header.compression != _FIELDS and header.colours <= 1 << header.bits
    )
    if not indexed and header.bits not in _LAYOUTS:
        raise refusal("BMP of other fields, depth or compression")
    return header


def _default_masks(bits: int) -> tuple[int, ...]:
    return {16: (*_555, 0), 24: (*_BGR, 0), 32: (*_BGR, 0)}.get(bits, (0, 0, 0, 0))


def _behind_header(header: _BmpHeader) -> int:
    fields = 12 if header.compression == _FIELDS and header.size == 40 else 0
    return 14 + header.size + fields


def _colour_bytes(header: _BmpHeader) -> int:
    return 3 if header.size == 12 else 4


def _colours(header: _BmpHeader) -> int:
    return header.colours or 1 << header.bits


def _rows(data: bytes, header: _BmpHeader) -> Pixels:
    """The rows as they lie in the file, each with what fills it up to 4 bytes."""
    start = struct.unpack_from("<I", data, 10)[0] or _behind_header(header)
    if header.bits <= 8 and start == _behind_header(header):
        start += _colour_bytes(header) * _colours(header)
    stride = (header.width * header.bits + 31) // 32 * 4
    height = abs(header.height)
    return np.frombuffer(data, np.uint8, height * stride, start).reshape(height, stride)


def _palette(data: bytes, header: _BmpHeader) -> Pixels:
    """RGB by index; black where the palette has no colour."""
    width, count = _colour_bytes(header), _colours(header)
    colours = np.frombuffer(data, np.uint8, count * width, _behind_header(header))
    out = np.zeros((256, 3), np.uint8)
    out[:count] = colours.reshape(count, width)[:, 2::-1]
    return out


def _true_colours(used: Pixels, masks: Sequence[int]) -> Pixels:
    """(h, w, bytes of a pixel) to the channels that the masks name."""
    named = [mask for mask in masks if mask]
    if used.shape[2] > 2:
        return used[..., [(mask & -mask).bit_length() // 8 for mask in named]]
    values = used.astype(np.uint16)
    both = values[..., 0] | values[..., 1] << 8
    out = np.empty((*both.shape, 3), np.uint8)
    for channel, mask in enumerate(named):
        shift = (mask & -mask).bit_length() - 1
        greatest = mask >> shift
        shades = (np.arange(greatest + 1) * 255 // greatest).astype(np.uint8)
        out[..., channel] = shades.take(both >> shift & greatest)
    return out
