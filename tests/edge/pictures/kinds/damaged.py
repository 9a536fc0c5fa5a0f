"""Files that are whole by their headers and not behind them: of none must a picture come."""

import struct
import zlib

from PIL import Image

from tests.edge.pictures.kinds import bmp, gif, pnm, tiff
from tests.edge.pictures.kinds.png import SIGNATURE, chunk
from tests.edge.pictures.picture_files import saved, scene


def files() -> dict[str, bytes]:
    image = Image.fromarray(scene())
    png, jpeg, webp = (saved(image, kind) for kind in ("PNG", "JPEG", "WEBP"))
    head = struct.pack(">IIBBBBB", 61, 43, 8, 2, 0, 0, 0)
    short = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    pixels = png.index(b"IDAT")
    wrong = png[: pixels + 30] + bytes([png[pixels + 30] ^ 255]) + png[pixels + 31 :]
    return {
        "damaged PNG whose pixels end early": SIGNATURE + short,
        "damaged PNG with a wrong checksum": wrong,
        "damaged PNG without an end": png[:-12],
        "damaged PNG without pixels": SIGNATURE + chunk(b"IHDR", head) + chunk(b"IEND", b""),
        "damaged PNG that begins otherwise": SIGNATURE + chunk(b"IEND", b""),
        "damaged JPEG cut in its scan": jpeg[: len(jpeg) // 2],
        "damaged JPEG without a scan": jpeg[: jpeg.index(b"\xff\xda")],
        "damaged WebP cut off": webp[: len(webp) // 2],
        "damaged RIFF that is no WebP": b"RIFF\x10\0\0\0WAVEfmt " + bytes(30),
        "damaged GIF cut in its codes": gif.files()["GIF of version 87"][:2000],
        "damaged GIF without a frame": gif.gif((9, 9), palette=bytes(6)),
        "damaged BMP a row short": bmp.files()["BMP of 24 bits"][:-200],
        "damaged BMP that claims much": struct.pack("<2sIHHI", b"BM", 0, 0, 0, 54)
        + struct.pack("<IiiHHIIiiII", 40, 8000, 8000, 1, 24, 0, 0, 0, 0, 0, 0),
        "damaged PPM a pixel short": pnm.files()["PPM up to 255"][:-1],
        "damaged PPM that claims much": b"P6\n8000 8000\n255\n" + bytes(100),
        "damaged PGM as text that claims much": b"P2\n8000 8000\n255\n" + b"1 " * 100,
        "damaged TIFF a strip short": tiff.files()["TIFF RGB in < order"].replace(
            struct.pack("<HHII", 257, 4, 1, 43), struct.pack("<HHII", 257, 4, 1, 99)
        ),
    }
