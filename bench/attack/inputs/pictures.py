"""Small files that cost much to decode, or claim to."""

import io
import struct
import zlib

import numpy as np
from PIL import Image

_EDGE = 4096  # 16 million pixels, the most that are accepted whatever the model takes


def endless_jpeg(scans: int, side: int = 64) -> bytes:
    """A progressive JPEG with so many scans, all but the first few of them empty."""
    stream = io.BytesIO()
    Image.new("RGB", (side, side), "grey").save(stream, "JPEG", progressive=True)
    jpeg = stream.getvalue().removesuffix(b"\xff\xd9")
    last = jpeg[jpeg.rindex(b"\xff\xda") :]
    return jpeg + last * (scans - jpeg.count(b"\xff\xda")) + b"\xff\xd9"


def png_of(width: int, height: int) -> bytes:
    """A grey PNG that claims a size, black where it is real."""
    rows = zlib.compressobj(9)
    pixels = b"".join(rows.compress(bytes(width + 1)) for _ in range(min(height, 1 << 16))) + rows.flush()
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", pixels), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in chunks
    )


def huge_webp() -> bytes:
    """A lossless WebP of 34 bytes that claims 16,384 x 16,384 pixels."""
    claim = struct.pack("<I", 0x3FFF | 0x3FFF << 14)
    chunk = b"VP8L" + struct.pack("<I", 14) + b"\x2f" + claim + bytes(9)
    return b"RIFF" + struct.pack("<I", 4 + len(chunk)) + b"WEBP" + chunk


def tiled_tiff(side: int = 16_384) -> bytes:
    """A black TIFF of 64 x 64 pixels in one tile of `side` x `side`."""
    pack = zlib.compressobj(9)
    tile = b"".join(pack.compress(bytes(side)) for _ in range(side)) + pack.flush()
    place, short, long = 8 + 2 + 12 * 10 + 4, 3, 4
    fields = [
        (256, short, 64),  # width
        (257, short, 64),  # height
        (258, short, 8),  # bits
        (259, short, 8),  # deflate
        (262, short, 1),  # black is zero
        (277, short, 1),  # channels
        (322, long, side),  # of a tile
        (323, long, side),
        (324, long, place),
        (325, long, len(tile)),
    ]
    entries = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in fields)
    return b"II*\0" + struct.pack("<IH", 8, len(fields)) + entries + bytes(4) + tile


def costliest_webp() -> bytes:
    """An honest picture of the most pixels: of the formats that are sent, a lossy WebP takes longest."""
    noise = np.random.default_rng(0).integers(0, 256, (_EDGE // 8, _EDGE // 8, 3), np.uint8)
    stream = io.BytesIO()
    large = Image.fromarray(noise).resize((_EDGE, _EDGE), Image.Resampling.BICUBIC)
    large.save(stream, "WEBP", quality=40, method=0)
    return stream.getvalue()
