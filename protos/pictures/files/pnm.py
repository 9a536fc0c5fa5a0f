"""PBM, PGM and PPM: read here, their values scaled by the greatest that the file names."""

import re
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from protos.errors import PictureError
from protos.pictures.files.table import KINDS, PictureFile, Pixels, refusal

_SPACE = rb"[ \t-\r](?:[ \t-\r]|#[^\r\n]*[\r\n])*"
_SIZE = rb"(\d{1,9})" + _SPACE + rb"(\d{1,9})"
_BITS = re.compile(rb"P([14])" + _SPACE + _SIZE + rb"[ \t-\r]")
_VALUES = re.compile(rb"P([2356])" + _SPACE + _SIZE + _SPACE + rb"(\d{1,5})[ \t-\r]")
_COMMENT = re.compile(rb"#[^\r\n]*[\r\n]?")
# of at most 9 digits each, which 32 bits hold; what the lookahead found is not given back, as a possessive
# quantifier has it from Python 3.11 on, so that no text takes longer than its length
_DIGITS = re.compile(rb"(?=((?:\d{0,9}[ \t-\r])*))\1\d{0,9}")
_WHITE = b" \t\n\v\f\r"
_MAX_VALUE = 0xFFFF
_MAX_HEADER = 1 << 13  # bytes, comments among them


class _PnmHeader(NamedTuple):
    text: bool
    bits: bool  # 1 is black
    channels: int
    width: int
    height: int
    greatest: int
    start: int


def read(data: bytes) -> PictureFile:
    """Raises PictureError for what is none of the three."""
    header = _header(data)
    return PictureFile(KINDS["PBM, PGM or PPM"], header.width, header.height, data)


def pixels(data: bytes) -> Pixels:
    """Grey of more than 8 bits is cut to them, as that of a PNG. Raises ValueError where the file ends
    early.
    """
    header = _header(data)
    shape = (header.height, header.width, header.channels)
    values = 1 - _bits(data, header) if header.bits else _values(data, header)
    return np.repeat(_scale(header).take(values.reshape(shape)), 3 // header.channels, axis=2)


def _header(data: bytes) -> _PnmHeader:
    if data[:2] in {b"Pf", b"PF", b"P7"}:
        raise refusal("PFM or PAM")
    head = data[:_MAX_HEADER]
    match = _BITS.match(head) or _VALUES.match(head)
    if match is None:
        raise PictureError("the PPM's header cannot be read; save it again, or as PNG")
    kind, width, height, *rest = (int(number) for number in match.groups())
    if rest and not 0 < rest[0] <= _MAX_VALUE:
        raise PictureError(f"the PPM's greatest value is {rest[0]}, not 1 to {_MAX_VALUE}; save it again")
    greatest = rest[0] if rest else 1
    return _PnmHeader(
        kind < 4, kind in {1, 4}, 3 if kind in {3, 6} else 1, width, height, greatest, match.end()
    )


def _scale(header: _PnmHeader) -> Pixels:
    """A value's shade, 0 to 255; what is above the greatest is white."""
    values = np.arange(_MAX_VALUE + 1 if header.greatest > 0xFF else 0x100)
    if header.channels == 1 and header.greatest > 0xFF:
        scaled = np.minimum(np.rint(values / header.greatest * _MAX_VALUE), _MAX_VALUE).astype(np.uint16) >> 8
    else:
        scaled = np.minimum(np.rint(values / header.greatest * 255), 255)
    return scaled.astype(np.uint8)


def _bits(data: bytes, header: _PnmHeader) -> NDArray[np.integer]:
    if header.text:
        digits = np.frombuffer(_uncommented(data, header).translate(None, _WHITE), np.uint8) - ord("0")
        if digits.max(initial=0) > 1:
            raise ValueError("another digit than 0 and 1")
        return _as_many(digits, header.height * header.width)
    stride = (header.width + 7) // 8
    rows = np.frombuffer(data, np.uint8, header.height * stride, header.start).reshape(header.height, stride)
    return np.unpackbits(rows, axis=1)[:, : header.width]


def _values(data: bytes, header: _PnmHeader) -> NDArray[np.integer]:
    count = header.width * header.height * header.channels
    if not header.text:
        return np.frombuffer(data, np.uint8 if header.greatest < 0x100 else ">u2", count, header.start)
    text = _uncommented(data, header)
    if not _DIGITS.fullmatch(text):
        raise ValueError("something else than digits")
    values = _as_many(np.fromstring(text, np.int32, sep=" "), count)
    if values.max(initial=0) > header.greatest:
        raise ValueError("a value above the greatest")
    return values


def _uncommented(data: bytes, header: _PnmHeader) -> bytes:
    return _COMMENT.sub(b"", data[header.start :])


def _as_many(values: NDArray[np.integer], count: int) -> NDArray[np.integer]:
    if values.size < count:
        raise ValueError("too few values")
    return values[:count]
