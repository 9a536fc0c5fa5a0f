"""JPEG files of every kind."""

import struct

import numpy as np
from PIL import Image

from tests.edge.pictures.kinds.exif import TYPES, exif, xmp
from tests.edge.pictures.picture_files import saved, scene

_XMP = b"http://ns.adobe.com/xap/1.0/\0"


def files() -> dict[str, bytes]:
    return _coded() | _cmyk() | _turned() | _odd()


def with_segment(jpeg: bytes, marker: int, data: bytes, place: int = 2) -> bytes:
    """A JPEG with one more segment, behind its first marker."""
    return jpeg[:place] + struct.pack(">HH", 0xFF00 | marker, len(data) + 2) + data + jpeg[place:]


def _coded() -> dict[str, bytes]:
    image = Image.fromarray(scene())
    grey = image.convert("L")
    named = {
        f"JPEG {mode} quality {quality}": saved(picture, "JPEG", quality=quality)
        for quality in (5, 75, 100)
        for mode, picture in (("RGB", image), ("L", grey))
    }
    named |= {
        f"JPEG subsampled {sampling}": saved(image, "JPEG", subsampling=sampling)
        for sampling in ("4:4:4", "4:2:2", "4:2:0")
    }
    return named | {
        "JPEG progressive": saved(image, "JPEG", progressive=True),
        "JPEG progressive L": saved(grey, "JPEG", progressive=True),
        "JPEG optimised": saved(image, "JPEG", optimize=True),
        "JPEG with restart markers": saved(image, "JPEG", restart_marker_rows=1),
        "JPEG of RGB, not YCbCr": saved(image, "JPEG", keep_rgb=True),
        "JPEG with an ICC profile": saved(image, "JPEG", icc_profile=bytes(128)),
    }


def _cmyk() -> dict[str, bytes]:
    cmyk = saved(Image.fromarray(scene()).convert("CMYK"), "JPEG", quality=90)
    return {
        "JPEG CMYK": cmyk,
        "JPEG CMYK progressive": saved(Image.fromarray(scene()).convert("CMYK"), "JPEG", progressive=True),
        "JPEG CMYK without Adobe's marker": _without(cmyk, b"\xff\xee"),
        "JPEG YCCK": _ycck(),
    }


def _ycck() -> bytes:
    """CMYK whose first three are coded as YCbCr: Pillow writes the numbers as they are given, so they are
    made.
    """
    inks = np.asarray(Image.fromarray(scene()).convert("CMYK"))
    ycc = np.asarray(Image.fromarray(255 - inks[..., :3]).convert("YCbCr"))
    coded = 255 - np.dstack([ycc, 255 - inks[..., 3:]])
    data = bytearray(saved(Image.frombytes("CMYK", coded.shape[1::-1], coded.tobytes()), "JPEG", quality=95))
    data[data.index(b"Adobe") + 11] = 2
    return bytes(data)


def _without(jpeg: bytes, marker: bytes) -> bytes:
    place = jpeg.index(marker)
    return jpeg[:place] + jpeg[place + 2 + int.from_bytes(jpeg[place + 2 : place + 4], "big") :]


def _turned() -> dict[str, bytes]:
    plain = saved(Image.fromarray(scene()), "JPEG", quality=90)
    named = {
        f"JPEG turned {way} by EXIF in {order} order": with_segment(
            plain, 0xE1, b"Exif\0\0" + exif(way, order=order)
        )
        for way in range(10)
        for order in "<>"
    }
    named |= {
        f"JPEG turned by EXIF of type {kind} in {order} order": with_segment(
            plain, 0xE1, b"Exif\0\0" + exif(6, kind, order)
        )
        for kind in TYPES
        for order in "<>"
    }
    named |= {
        f"JPEG turned {way} by XMP {'element' if element else 'attribute'}": with_segment(
            plain, 0xE1, _XMP + xmp(way, element)
        )
        for way in range(1, 9)
        for element in (False, True)
    }
    both = with_segment(with_segment(plain, 0xE1, _XMP + xmp(6)), 0xE1, b"Exif\0\0" + exif(3))
    upright = with_segment(with_segment(plain, 0xE1, _XMP + xmp(6)), 0xE1, b"Exif\0\0" + exif(1))
    return named | {
        "JPEG turned by EXIF one way and by XMP another": both,
        "JPEG upright by EXIF and turned by XMP": upright,
        "JPEG with a prefix twice before its EXIF": with_segment(plain, 0xE1, 2 * b"Exif\0\0" + exif(8)),
        "JPEG L turned": with_segment(
            saved(Image.fromarray(scene()).convert("L"), "JPEG"), 0xE1, b"Exif\0\0" + exif(5)
        ),
        "JPEG CMYK turned": with_segment(
            saved(Image.fromarray(scene()).convert("CMYK"), "JPEG"), 0xE1, b"Exif\0\0" + exif(7)
        ),
    }


def _odd() -> dict[str, bytes]:
    image = Image.fromarray(scene())
    plain = saved(image, "JPEG")
    fill = plain.index(b"\xff\xdb")
    frame = plain.index(b"\xff\xc0")
    return {
        "JPEG of 12 bits": plain[: frame + 4] + b"\x0c" + plain[frame + 5 :],
        "JPEG without loss": plain[: frame + 1] + b"\xc3" + plain[frame + 2 :],
        "JPEG with bytes behind it": plain + b"a phone's own trailer" * 9,
        "JPEG with fill bytes": plain[:fill] + b"\xff\xff\xff" + plain[fill:],
        "JPEG with a thumbnail's header in a comment": saved(
            image, "JPEG", comment=b"\xff\xd8\xff\xc0\x00\x11\x08\xff\xff\xff\xff\x03"
        ),
        "JPEG of two pictures (MPO)": saved(
            image, "MPO", save_all=True, append_images=[Image.fromarray(scene(seed=1))]
        ),
    }
