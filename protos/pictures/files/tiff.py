"""TIFF: which of its many layouts it is, and which way it is to be turned."""

import struct
from typing import NamedTuple

from protos.errors import PictureError
from protos.pictures.files.orientation import Entry, byte_order, entries, numbers, orientation
from protos.pictures.files.table import KINDS, PictureFile, refusal

MAGIC, BIG = (b"II*\0", b"MM\0*"), (b"II+\0", b"MM\0+")
_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC = 256, 257, 258, 259, 262
_FILL_ORDER, _STRIPS, _ORIENTATION, _CHANNELS, _ROWS, _PLANES = 266, 273, 274, 277, 278, 284
_COLOURS = 320
_TILES, _EXTRA, _FORMAT, _XMP = 324, 338, 339, 700
_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _PALETTE, _CMYK, _YCBCR, _LABS = 0, 1, 2, 3, 5, 6, (8, 9, 10)
_SOMETHING, PREMULTIPLIED, STRAIGHT, UNSAID = 0, 1, 2, -1
_JPEG = 7
_LOSSLESS = {1, 2, 3, 4, 5, 8, 32773, 32946}  # none, CCITT, LZW, deflate, PackBits
_MAX_COLOURS = 3 << 8


class _Layout(NamedTuple):
    """What a TIFF says of its pixels, as numbers of the tags above."""

    photometric: int
    bits: tuple[int, ...]
    extra: tuple[int, ...]
    compression: int
    format: int


def read(data: bytes) -> PictureFile:
    """Raises PictureError for a layout on which decoders are not known to agree."""
    if data.startswith(BIG):
        raise refusal("TIFF of more than 4 GiB (BigTIFF)")
    found = _tags(data)
    layout = _layout(data, found)
    if _TILES in found:
        raise refusal("TIFF in tiles")
    kind = KINDS[_kind(layout)]
    if kind.name == "TIFF palette" and max(_ints(data, found, _COLOURS, _MAX_COLOURS), default=0) <= 0xFF:
        raise refusal("TIFF palette of 8-bit colours")
    _check_strips(data, found, len(layout.bits))
    (width,), (height,) = (_ints(data, found, tag) or (0,) for tag in (_WIDTH, _HEIGHT))
    return PictureFile(
        kind, width, height, _unturned(data, found), _orientation(data, found), alpha(data) is not None
    )


def alpha(data: bytes) -> int | None:
    """Whether an RGB TIFF's fourth channel is alpha: PREMULTIPLIED, STRAIGHT, or UNSAID, which is taken for
    STRAIGHT; None if it is not.
    """
    layout = _layout(data, _tags(data))
    if layout.photometric != _RGB or len(layout.bits) != 4:
        return None
    extra = layout.extra[0] if layout.extra else UNSAID
    return None if extra == _SOMETHING else extra


def _tags(data: bytes) -> dict[int, Entry]:
    """Of a tag that stands there twice, the first, as libtiff and Pillow take it."""
    found: dict[int, Entry] = {}
    for tag, entry in entries(data):
        found.setdefault(tag, entry)
    return found


def _ints(data: bytes, found: dict[int, Entry], tag: int, at_most: int = 1) -> tuple[int, ...]:
    return tuple(int(value) for value in numbers(data, found[tag], at_most)) if tag in found else ()


def _layout(data: bytes, found: dict[int, Entry]) -> _Layout:
    def one(tag: int, default: int) -> int:
        return next(iter(_ints(data, found, tag)), default)

    channels = one(_CHANNELS, 1)
    bits = _ints(data, found, _BITS, 8) or (1,)
    bits = bits * channels if len(bits) == 1 and channels <= 8 else bits
    formats = set(_ints(data, found, _FORMAT, 8)) or {1}
    usual = len(bits) == channels and len(formats) == 1 and one(_FILL_ORDER, 1) in {1, 2}
    if not usual or _PHOTOMETRIC not in found or (one(_PLANES, 1) == 2 and bits != (8, 8, 8)):
        raise refusal("TIFF of another layout")
    extra = _ints(data, found, _EXTRA, 8)
    return _Layout(one(_PHOTOMETRIC, -1), bits, extra, one(_COMPRESSION, 1), formats.pop())


def _check_strips(data: bytes, found: dict[int, Entry], channels: int) -> None:
    """As many strips as the height needs: Pillow leaves rows black that no strip holds. Raises
    PictureError.
    """
    (height,) = _ints(data, found, _HEIGHT) or (0,)
    (rows,) = _ints(data, found, _ROWS) or (height,)
    planes = channels if _ints(data, found, _PLANES) == (2,) else 1
    held = found[_STRIPS].length if _STRIPS in found else 0
    if held != planes * -(-height // max(min(rows, height), 1)):
        raise PictureError("the TIFF has not as many strips as its height needs; save it again, or as PNG")


def _kind(layout: _Layout) -> str:
    """The row of the table. Raises PictureError for one that nobody reads."""
    photometric, bits, extra, compression, numeric = layout
    if photometric in _LABS:
        raise refusal("TIFF in LAB")
    if numeric != 1 or max(bits) > 16:
        raise refusal("TIFF of floats, signed or 32-bit numbers")
    if compression == _JPEG and (photometric, bits) in _JPEGS:
        return "TIFF in JPEG"
    if photometric == _YCBCR:
        raise refusal("TIFF in YCbCr")
    if (
        photometric in {_WHITE_IS_ZERO, _BLACK_IS_ZERO, _PALETTE}
        and len(bits) == 2
        and extra != (_SOMETHING,)
    ):
        raise refusal("TIFF grey or palette with alpha")
    if (photometric, bits) == (_WHITE_IS_ZERO, (16,)):
        raise refusal("TIFF with white as zero in 16 bits")
    name = _TRUSTED.get((photometric, bits, extra)) if compression in _LOSSLESS else None
    if name is None:
        raise refusal("TIFF of another layout")
    return name


_JPEGS = {(_BLACK_IS_ZERO, (8,)), (_RGB, (8, 8, 8)), (_YCBCR, (8, 8, 8))}
_TRUSTED: dict[tuple[int, tuple[int, ...], tuple[int, ...]], str] = {
    (_WHITE_IS_ZERO, (1,), ()): "TIFF grey",
    (_BLACK_IS_ZERO, (1,), ()): "TIFF grey",
    (_WHITE_IS_ZERO, (8,), ()): "TIFF grey",
    (_BLACK_IS_ZERO, (8,), ()): "TIFF grey",
    (_BLACK_IS_ZERO, (16,), ()): "TIFF grey of 16 bits",
    (_BLACK_IS_ZERO, (8, 8), (_SOMETHING,)): "TIFF grey",
    (_PALETTE, (8, 8), (_SOMETHING,)): "TIFF palette",
    (_PALETTE, (1,), ()): "TIFF palette",
    (_PALETTE, (4,), ()): "TIFF palette",
    (_PALETTE, (8,), ()): "TIFF palette",
    (_CMYK, (8,) * 4, ()): "TIFF CMYK",
} | {
    (_RGB, (depth,) * (4 if more else 3), extra): "TIFF RGB"
    for depth in (8, 16)
    for more, extra in (
        (False, ()),
        (True, ()),
        (True, (_SOMETHING,)),
        (True, (PREMULTIPLIED,)),
        (True, (STRAIGHT,)),
    )
}


def _orientation(data: bytes, found: dict[int, Entry]) -> int:
    """By its own tag, or by XMP."""
    packet = found.get(_XMP)
    xmp = data[packet.values : packet.values + packet.length] if packet else b""
    return orientation(data, xmp)


def _unturned(data: bytes, found: dict[int, Entry]) -> bytes:
    """The file with nothing in it by which a decoder would turn the picture."""
    for tag, count, value in ((_ORIENTATION, 1, 1), (_XMP, 0, 0)):
        if tag in found:
            place = found[tag].place
            entry = struct.pack(byte_order(data) + "HHIHxx", tag, 3, count, value)
            data = data[:place] + entry + data[place + len(entry) :]
    return data
