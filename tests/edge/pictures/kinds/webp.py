"""WebP files of every kind."""

import struct

from PIL import Image

from tests.edge.pictures.kinds.exif import exif, xmp
from tests.edge.pictures.picture_files import saved, scene


def files() -> dict[str, bytes]:
    return _coded() | _animated() | _framed() | _turned()


def _see_through() -> Image.Image:
    image = Image.fromarray(scene())
    image.putalpha(Image.fromarray(scene(seed=1)[..., 0]))
    return image


def _coded() -> dict[str, bytes]:
    named: dict[str, bytes] = {}
    for name, image in (("", Image.fromarray(scene())), (" RGBA", _see_through())):
        named |= {
            f"WebP{name} quality {quality}": saved(image, "WEBP", quality=quality) for quality in (5, 80, 100)
        }
        named |= {
            f"WebP{name} lossless": saved(image, "WEBP", lossless=True),
            f"WebP{name} lossless, exact": saved(image, "WEBP", lossless=True, exact=True),
        }
    opaque = Image.fromarray(scene()).convert("RGBA")
    return named | {
        "WebP RGBA with lossy alpha": saved(_see_through(), "WEBP", alpha_quality=30),
        "WebP of full alpha": saved(opaque, "WEBP", lossless=True),
        "WebP grey": saved(Image.fromarray(scene()).convert("L"), "WEBP"),
        "WebP with an ICC profile": saved(Image.fromarray(scene()), "WEBP", icc_profile=bytes(128)),
        "WebP with bytes behind it": saved(Image.fromarray(scene()), "WEBP") + b"more",
    }


def _animated() -> dict[str, bytes]:
    first, second = Image.fromarray(scene()), Image.fromarray(scene(seed=1))
    part = Image.new("RGBA", first.size)
    part.paste(first.crop((5, 4, 30, 30)), (5, 4))
    named = {
        f"WebP animated{name}": saved(image, "WEBP", save_all=True, append_images=[second], lossless=lossless)
        for lossless in (False, True)
        for name, image in ((f" lossless={lossless}", first), (f" RGBA lossless={lossless}", _see_through()))
    }
    return named | {
        "WebP animated, first frame in a part": saved(
            part, "WEBP", save_all=True, append_images=[second], lossless=True
        ),
        "WebP animated with a background": saved(
            part,
            "WEBP",
            save_all=True,
            append_images=[second],
            lossless=True,
            background=(255, 0, 0, 255),
        ),
    }


def _framed() -> dict[str, bytes]:
    """One frame, away from the corner of its canvas, put there by hand."""
    named = {}
    for name, image in (("opaque", Image.fromarray(scene())), ("RGBA", _see_through())):
        still = saved(image, "WEBP", lossless=True, exact=True)
        frame = still[still.index(b"VP8L") :]
        place = struct.pack("<I", 4)[:3] + struct.pack("<I", 3)[:3]  # in units of 2 pixels
        size = struct.pack("<I", image.width - 1)[:3] + struct.pack("<I", image.height - 1)[:3]
        anmf = place + size + struct.pack("<I", 100)[:3] + b"\0" + frame
        canvas = struct.pack("<I", image.width + 19)[:3] + struct.pack("<I", image.height + 16)[:3]
        for flags in (0x02, 0x12):
            blocks = (
                _block(b"VP8X", bytes([flags, 0, 0, 0]) + canvas)
                + _block(b"ANIM", struct.pack("<IH", 0xFF0000FF, 0))
                + _block(b"ANMF", anmf)
            )
            named[f"WebP frame {name} on a canvas, flags {flags}"] = _block(b"RIFF", b"WEBP" + blocks)
    return named


def _block(name: bytes, data: bytes) -> bytes:
    return name + struct.pack("<I", len(data)) + data + bytes(len(data) % 2)


def _turned() -> dict[str, bytes]:
    image = Image.fromarray(scene())
    named = {
        f"WebP turned {way} by EXIF{' with a prefix' * bool(prefix)}": saved(
            image, "WEBP", exif=prefix + exif(way)
        )
        for way in range(1, 9)
        for prefix in (b"", b"Exif\0\0")
    }
    named |= {
        f"WebP turned by EXIF of type {kind}": saved(image, "WEBP", exif=exif(6, kind, ">"))
        for kind in ("long", "signed short", "byte")
    }
    return named | {
        "WebP turned by XMP": saved(image, "WEBP", xmp=xmp(6)),
        "WebP RGBA turned by XMP": saved(_see_through(), "WEBP", xmp=xmp(8, element=True)),
        "WebP turned by EXIF one way and by XMP another": saved(image, "WEBP", xmp=xmp(8), exif=exif(3)),
        "WebP turned though its header does not say EXIF": _unannounced(saved(image, "WEBP", exif=exif(6))),
    }


def _unannounced(data: bytes) -> bytes:
    (flags,) = struct.unpack_from("<B", data, 20)
    return data[:20] + bytes([flags & ~8]) + data[21:]
