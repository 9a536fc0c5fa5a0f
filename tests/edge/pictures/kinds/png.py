"""PNG files of every kind: written chunk by chunk, so that nothing depends on what an encoder can write."""

import struct
import zlib
from itertools import product

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tests.edge.pictures.kinds.exif import exif, xmp
from tests.edge.pictures.picture_files import saved, scene

SIGNATURE = b"\x89PNG\r\n\x1a\n"
Samples = NDArray[np.uint16]  # (h, w, channels)
_GREY, _RGB, _PALETTE, _GREY_ALPHA, _RGBA = 0, 2, 3, 4, 6
_CHANNELS = {_GREY: 1, _RGB: 3, _PALETTE: 1, _GREY_ALPHA: 2, _RGBA: 4}
_NAMES = {_GREY: "grey", _RGB: "RGB", _PALETTE: "palette", _GREY_ALPHA: "grey with alpha", _RGBA: "RGBA"}
_DEPTHS = {
    _GREY: (1, 2, 4, 8, 16),
    _RGB: (8, 16),
    _PALETTE: (1, 2, 4, 8),
    _GREY_ALPHA: (8, 16),
    _RGBA: (8, 16),
}
_ADAM7 = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]


def files() -> dict[str, bytes]:
    return _every_depth() | _keyed() | _animated() | _turned() | _described()


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(samples: Samples, depth: int, colour: int, *before: bytes, interlaced: bool = False) -> bytes:
    """A file of these samples; `before` are chunks in front of the pixels."""
    height, width = samples.shape[:2]
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlaced)
    parts = (
        [samples[top::down, left::right] for top, left, down, right in _ADAM7] if interlaced else [samples]
    )
    pixels = b"".join(_rows(part, depth) for part in parts if part.size)
    return b"".join(
        [
            SIGNATURE,
            chunk(b"IHDR", header),
            *before,
            chunk(b"IDAT", zlib.compress(pixels)),
            chunk(b"IEND", b""),
        ]
    )


def inserted(data: bytes, *chunks: bytes, before: bytes = b"IDAT") -> bytes:
    place = data.index(before) - 4
    return data[:place] + b"".join(chunks) + data[place:]


def _rows(samples: Samples, depth: int) -> bytes:
    flat = samples.reshape(len(samples), -1)
    if depth == 16:
        packed = flat.astype(">u2").view(np.uint8)
    elif depth == 8:
        packed = flat.astype(np.uint8)
    else:
        bits = np.unpackbits(flat.astype(np.uint8)[..., None], axis=2)[..., 8 - depth :]
        packed = np.packbits(bits.reshape(len(flat), -1), axis=1)
    return b"".join(b"\0" + row.tobytes() for row in packed)


def _samples(colour: int, depth: int) -> Samples:
    channels = _CHANNELS[colour]
    values = np.dstack([scene(), scene(seed=1)])[..., :channels].astype(np.uint32)
    if channels == 2:
        values = np.dstack([scene()[..., 0], scene(seed=1)[..., 1]]).astype(np.uint32)
    noise = np.random.default_rng(2).integers(0, 256, values.shape)
    return ((values * 256 + noise) >> (16 - depth)).astype(np.uint16)


def _palette(colour: int, depth: int) -> list[bytes]:
    if colour != _PALETTE:
        return []
    colours = np.random.default_rng(3).integers(0, 256, (2**depth, 3), np.uint8)
    return [chunk(b"PLTE", colours.tobytes())]


def _every_depth() -> dict[str, bytes]:
    return {
        f"PNG {_NAMES[colour]} of {depth} bits{' interlaced' * interlaced}": png(
            _samples(colour, depth), depth, colour, *_palette(colour, depth), interlaced=interlaced
        )
        for colour in _NAMES
        for depth in _DEPTHS[colour]
        for interlaced in (False, True)
    }


def _keyed() -> dict[str, bytes]:
    """Files without an alpha channel that name what is transparent."""
    named: dict[str, bytes] = {}
    for depth, interlaced in product((1, 2, 4, 8, 16), (False, True)):
        samples = _samples(_GREY, depth)
        key = chunk(b"tRNS", struct.pack(">H", samples[3, 3, 0]))
        named[f"PNG grey of {depth} bits with a key{' interlaced' * interlaced}"] = png(
            samples, depth, _GREY, key, interlaced=interlaced
        )
    for depth in (8, 16):
        samples = _samples(_RGB, depth)
        key = chunk(b"tRNS", struct.pack(">HHH", *samples[3, 3]))
        named[f"PNG RGB of {depth} bits with a key"] = png(samples, depth, _RGB, key)
    for depth in (1, 2, 4, 8):
        few = chunk(b"tRNS", bytes(range(0, 2**depth, 2))[: 2**depth - 1])
        one = chunk(b"tRNS", b"\xff\0")
        for kind, alphas in (("an alpha for some colours", few), ("one transparent colour", one)):
            named[f"PNG palette of {depth} bits with {kind}"] = png(
                _samples(_PALETTE, depth), depth, _PALETTE, *_palette(_PALETTE, depth), alphas
            )
    return named


def _animated() -> dict[str, bytes]:
    first, second = Image.fromarray(scene()), Image.fromarray(scene(seed=1))
    clear = first.copy()
    clear.putalpha(Image.fromarray(scene(seed=2)[..., 0]))
    named = {}
    for name, image in (("RGB", first), ("RGBA", clear), ("palette", first.quantize(40))):
        for hidden in (False, True):
            named[f"APNG {name}{' with a hidden default image' * hidden}"] = saved(
                image,
                "PNG",
                save_all=True,
                append_images=[second.convert(image.mode), first.rotate(180).convert(image.mode)],
                default_image=hidden,
            )
    plain = saved(first, "PNG")
    one = chunk(b"acTL", struct.pack(">II", 1, 0))
    part = chunk(b"fcTL", struct.pack(">5IHHBB", 0, first.width - 9, first.height, 4, 0, 1, 10, 0, 0))
    return named | {
        "APNG of one frame": inserted(plain, one),
        "APNG whose first frame is a part": inserted(plain, one, part),
    }


def _turned() -> dict[str, bytes]:
    plain = saved(Image.fromarray(scene()), "PNG")
    named = {
        f"PNG turned {way} by eXIf{' with a prefix' * bool(prefix)}": inserted(
            plain, chunk(b"eXIf", prefix + exif(way, order=">"))
        )
        for way in range(1, 9)
        for prefix in (b"", b"Exif\0\0")
    }
    late = chunk(b"eXIf", exif(6))
    profile = exif(8)
    text = b"Raw profile type exif\0\nexif\n%8d\n%s\n" % (len(profile), profile.hex().encode())
    packed = b"Raw profile type exif\0\0" + zlib.compress(text[22:])
    name = b"XML:com.adobe.xmp\0"
    return named | {
        "PNG turned by eXIf behind its pixels": inserted(plain, late, before=b"IEND"),
        "PNG turned by a raw profile": inserted(plain, chunk(b"tEXt", text)),
        "PNG turned by a compressed raw profile": inserted(plain, chunk(b"zTXt", packed)),
        "PNG turned by XMP": inserted(plain, chunk(b"iTXt", name + b"\0\0\0\0" + xmp(6))),
        "PNG turned by compressed XMP": inserted(
            plain, chunk(b"iTXt", name + b"\1\0\0\0" + zlib.compress(xmp(7, element=True)))
        ),
        "PNG turned by XMP behind its pixels": inserted(
            plain, chunk(b"iTXt", name + b"\0\0\0\0" + xmp(5)), before=b"IEND"
        ),
        "PNG turned by EXIF one way and by XMP another": inserted(
            plain, late, chunk(b"iTXt", name + b"\0\0\0\0" + xmp(3))
        ),
    }


def _described() -> dict[str, bytes]:
    """Files that say something of their colours, which nobody minds."""
    plain = saved(Image.fromarray(scene()), "PNG")
    return {
        "PNG with gamma": inserted(plain, chunk(b"gAMA", struct.pack(">I", 100_000))),
        "PNG grey with gamma": inserted(
            png(_samples(_GREY, 8), 8, _GREY), chunk(b"gAMA", struct.pack(">I", 30_000))
        ),
        "PNG of 16 bits with gamma": inserted(
            png(_samples(_RGB, 16), 16, _RGB), chunk(b"gAMA", struct.pack(">I", 100_000))
        ),
        "PNG RGBA with gamma": inserted(
            png(_samples(_RGBA, 8), 8, _RGBA), chunk(b"gAMA", struct.pack(">I", 100_000))
        ),
        "PNG with sRGB": inserted(plain, chunk(b"sRGB", b"\0")),
        "PNG with an ICC profile": saved(Image.fromarray(scene()), "PNG", icc_profile=bytes(128)),
        "PNG with primaries": inserted(
            plain,
            chunk(b"cHRM", struct.pack(">8I", *[31270, 32900, 64000, 33000, 21000, 71000, 15000, 6000])),
        ),
        "PNG with significant bits": inserted(plain, chunk(b"sBIT", bytes([5, 6, 5]))),
        "PNG with a background": inserted(plain, chunk(b"bKGD", struct.pack(">HHH", 200, 100, 50))),
        "PNG with a background behind its alpha": inserted(
            png(_samples(_RGBA, 8), 8, _RGBA), chunk(b"bKGD", struct.pack(">HHH", 200, 100, 50))
        ),
    }
