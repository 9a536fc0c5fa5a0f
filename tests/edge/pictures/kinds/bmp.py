"""BMP files of every kind: Pillow reads more of them than it writes."""

import struct
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tests.edge.pictures.picture_files import scene

Rows = NDArray[np.uint8]  # (h, bytes of a row)
_RAW, _RLE8, _RLE4, _BITFIELDS = 0, 1, 2, 3
_MASKS_565, _MASKS_555 = (0xF800, 0x7E0, 0x1F), (0x7C00, 0x3E0, 0x1F)
_BGRA = (0xFF0000, 0xFF00, 0xFF, 0xFF000000)
_LAYOUTS = {
    "BGRX": (0xFF0000, 0xFF00, 0xFF, 0),
    "XBGR": (0xFF000000, 0xFF0000, 0xFF00, 0),
    "BGXR": (0xFF000000, 0xFF00, 0xFF, 0),
    "ABGR": (0xFF000000, 0xFF0000, 0xFF00, 0xFF),
    "RGBA": (0xFF, 0xFF00, 0xFF0000, 0xFF000000),
    "BGRA": _BGRA,
    "BGAR": (0xFF000000, 0xFF00, 0xFF, 0xFF0000),
    "RGBX": (0xFF, 0xFF00, 0xFF0000, 0),
    "no masks": (0, 0, 0, 0),
    "10 bits": (0x3FF00000, 0xFFC00, 0x3FF, 0),
}


def files() -> dict[str, bytes]:
    return _palettes() | _sixteen() | _true_colour() | _run_lengths()


def bmp(
    pixels: Rows,
    width: int,
    bits: int,
    compression: int = _RAW,
    masks: Sequence[int] = (),
    palette: bytes = b"",
    header: int = 40,
    top_down: bool = False,
    data: bytes | None = None,
) -> bytes:
    """A file whose rows are given from the top; `header` says how long its header is."""
    height = len(pixels)
    if data is None:
        padded = np.pad(pixels, ((0, 0), (0, -pixels.shape[1] % 4)))
        data = (padded if top_down else padded[::-1]).tobytes()
    if header == 12:
        head = struct.pack("<IHHHH", 12, width, height, 1, bits)
    else:
        colours = len(palette) // 4
        head = struct.pack(
            "<IiiHHIIiiII",
            header,
            width,
            -height if top_down else height,
            1,
            bits,
            compression,
            len(data),
            2835,
            2835,
            colours,
            0,
        )
        packed = struct.pack(f"<{len(masks)}I", *masks)
        head += packed if header == 40 else packed.ljust(header - 40, b"\0")
    offset = 14 + len(head) + len(palette)
    return b"BM" + struct.pack("<IHHI", offset + len(data), 0, 0, offset) + head + palette + data


def _indices(colours: int) -> Rows:
    return (scene()[..., 0].astype(int) * colours // 256).astype(np.uint8)


def _packed(indices: Rows, bits: int) -> Rows:
    unpacked = np.unpackbits(indices[..., None], axis=2)[..., 8 - bits :]
    return np.packbits(unpacked.reshape(len(indices), -1), axis=1)


def _colours(count: int, padding: int = 4) -> bytes:
    colours = np.random.default_rng(1).integers(0, 256, (count, padding), np.uint8)
    if padding == 4:
        colours[:, 3] = 0
    return colours.tobytes()


def _palettes() -> dict[str, bytes]:
    width = scene().shape[1]
    named: dict[str, bytes] = {}
    for bits in (1, 4, 8):
        rows = _packed(_indices(2**bits), bits)
        named |= {
            f"BMP of {bits} bits": bmp(rows, width, bits, palette=_colours(2**bits)),
            f"BMP of {bits} bits, the first row on top": bmp(
                rows, width, bits, palette=_colours(2**bits), top_down=True
            ),
            f"BMP of {bits} bits of OS/2": bmp(rows, width, bits, palette=_colours(2**bits, 3), header=12),
            f"BMP of {bits} bits with a long header": bmp(
                rows, width, bits, palette=_colours(2**bits), header=124
            ),
        }
    shades = np.repeat(np.arange(256, dtype=np.uint8)[:, None], 4, axis=1)
    few = _packed(_indices(10), 4)
    return named | {
        "BMP of 8 bits in grey": bmp(_indices(256), width, 8, palette=shades.tobytes()),
        "BMP of 4 bits with ten colours": bmp(few, width, 4, palette=_colours(10)),
        "BMP of 8 bits with fewer colours than it uses": bmp(_indices(256), width, 8, palette=_colours(100)),
        "BMP of 1 bit, black as 1": bmp(
            _packed(_indices(2), 1), width, 1, palette=b"\xff\xff\xff\0" + bytes(4)
        ),
        "BMP of 2 bits": bmp(_packed(_indices(4), 2), width, 2, palette=_colours(4)),
    }


def _sixteen() -> dict[str, bytes]:
    red, green, blue = (scene()[..., channel].astype(np.uint16) for channel in range(3))
    packed_565 = ((red >> 3) << 11 | (green >> 2) << 5 | blue >> 3).astype("<u2").view(np.uint8)
    packed_555 = ((red >> 3) << 10 | (green >> 3) << 5 | blue >> 3).astype("<u2").view(np.uint8)
    width = scene().shape[1]
    named = {"BMP of 16 bits": bmp(packed_555, width, 16)}
    for header in (40, 52, 56, 108, 124):
        named[f"BMP 565 with a header of {header}"] = bmp(
            packed_565, width, 16, _BITFIELDS, _MASKS_565, header=header
        )
        named[f"BMP 555 with a header of {header}"] = bmp(
            packed_555, width, 16, _BITFIELDS, _MASKS_555, header=header
        )
    return named | {
        "BMP 565, the first row on top": bmp(packed_565, width, 16, _BITFIELDS, _MASKS_565, top_down=True),
        "BMP of 16 bits, the first row on top": bmp(packed_555, width, 16, top_down=True),
        "BMP 444": bmp(packed_565, width, 16, _BITFIELDS, (0xF00, 0xF0, 0xF)),
    }


def _true_colour() -> dict[str, bytes]:
    picture, width = scene(), scene().shape[1]
    bgr = np.ascontiguousarray(picture[..., ::-1]).reshape(len(picture), -1)
    named = {
        "BMP of 24 bits": bmp(bgr, width, 24),
        "BMP of 24 bits, the first row on top": bmp(bgr, width, 24, top_down=True),
        "BMP of 24 bits of OS/2": bmp(bgr, width, 24, header=12),
        "BMP of 24 bits with a long header": bmp(bgr, width, 24, header=108),
        "BMP of 24 bits with OS/2's long header": bmp(bgr, width, 24, header=64),
    }
    for name, alpha in (("alpha", scene(seed=1)[..., 0]), ("empty alpha", 0), ("full alpha", 255)):
        bgra = np.dstack([picture[..., ::-1], np.full(picture.shape[:2], alpha, np.uint8)])
        rows = bgra.reshape(len(picture), -1)
        named[f"BMP of 32 bits with {name}"] = bmp(rows, width, 32)
        named[f"BMP of 32 bits with {name}, the first row on top"] = bmp(rows, width, 32, top_down=True)
        for header in (40, 56, 108, 124):
            named[f"BMP of 32 bits in fields with {name}, header of {header}"] = bmp(
                rows, width, 32, _BITFIELDS, _BGRA[: 3 if header == 40 else 4], header=header
            )
    noise = np.random.default_rng(4).integers(0, 256, (len(picture), width * 4), np.uint8)
    return named | {
        f"BMP of 32 bits as {layout}": bmp(noise, width, 32, _BITFIELDS, masks, header=108)
        for layout, masks in _LAYOUTS.items()
    }


def _run_lengths() -> dict[str, bytes]:
    """Runs, literal runs and ends of lines."""
    image = Image.fromarray(scene()).quantize(12, dither=Image.Dither.NONE)
    indices, width = np.asarray(image), image.width
    rle8 = b"".join(b"".join(bytes([1, i]) for i in row) + b"\0\0" for row in indices[::-1])
    literal = b"".join(_literal(row, packed=False) + b"\0\0" for row in indices[::-1])
    rle4 = b"".join(b"".join(bytes([1, i << 4]) for i in row) + b"\0\0" for row in indices[::-1])
    short = b"".join(b"".join(bytes([1, i]) for i in row[:20]) + b"\0\0" for row in indices[::-1])
    skipped = short[:40] + b"\0\2\5\1" + short[40:]
    streams = {"RLE8": (8, _RLE8, rle8), "RLE8 of literals": (8, _RLE8, literal), "RLE4": (4, _RLE4, rle4)}
    streams |= {
        "RLE8 with short lines": (8, _RLE8, short),
        "RLE8 with a jump": (8, _RLE8, skipped),
    }
    return {
        f"BMP {name}": bmp(indices, width, bits, compression, palette=_colours(2**bits), data=data + b"\0\1")
        for name, (bits, compression, data) in streams.items()
    }


def _literal(row: Rows, packed: bool) -> bytes:
    parts = [row[start : start + 50] for start in range(0, len(row), 50)]
    return b"".join(bytes([0, len(part)]) + part.tobytes() + bytes(len(part) % 2) for part in parts)
