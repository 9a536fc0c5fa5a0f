"""Small files that cost much to decode."""

import io
import struct
import zlib

from PIL import Image


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
