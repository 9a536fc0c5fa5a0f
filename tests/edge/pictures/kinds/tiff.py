"""TIFF files of every kind: written tag by tag."""

import io
import struct
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tests.edge.pictures.kinds.exif import xmp
from tests.edge.pictures.picture_files import saved, scene

Samples = NDArray[Any]  # (h, w, channels)
Order = Literal["<", ">"]
Tags = Mapping[int, tuple[str, list[int]]]
_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _PALETTE, _MASK, _CMYK, _YCBCR, _LAB = 0, 1, 2, 3, 4, 5, 6, 8
_ORDERS: tuple[Order, Order] = ("<", ">")
_NUMBERS = {"B": 1, "H": 3, "I": 4, "b": 6, "h": 8, "i": 9}


def files() -> dict[str, bytes]:
    return _colours() | _depths() | _extra() | _compressed() | _layouts() | _turned() | _pages()


def tiff(
    samples: Samples, photometric: int, tags: Tags | None = None, order: Order = "<", bits: int = 0
) -> bytes:
    """One strip, not compressed; `tags` are added, or replace those that are written anyhow."""
    height, width, channels = samples.shape
    depth = bits or samples.dtype.itemsize * 8
    data = samples.astype(samples.dtype.newbyteorder(order)).tobytes()
    if bits and bits < 8:
        unpacked = np.unpackbits(samples.astype(np.uint8), axis=2)[..., 8 - bits :]
        data = np.packbits(unpacked.reshape(height, -1), axis=1).tobytes()
    entries: dict[int, tuple[str, list[int]]] = {
        256: ("I", [width]),
        257: ("I", [height]),
        258: ("H", [depth] * channels),
        259: ("H", [1]),
        262: ("H", [photometric]),
        273: ("I", [8]),
        277: ("H", [channels]),
        278: ("I", [height]),
        279: ("I", [len(data)]),
    } | dict(tags or {})
    return _directory(entries, data, order)


def _directory(entries: Tags, data: bytes, order: Order) -> bytes:
    data += bytes(len(data) % 2)
    start = 8 + len(data)
    behind = start + 2 + 12 * len(entries) + 4
    table, values = struct.pack(order + "H", len(entries)), b""
    for tag, (letter, numbers) in sorted(entries.items()):
        packed = struct.pack(order + letter * len(numbers), *numbers)
        table += struct.pack(order + "HHI", tag, _NUMBERS[letter], len(numbers))
        if len(packed) <= 4:
            table += packed.ljust(4, b"\0")
        else:
            table += struct.pack(order + "I", behind + len(values))
            values += packed + bytes(len(packed) % 2)
    magic = b"II*\0" if order == "<" else b"MM\0*"
    return magic + struct.pack(order + "I", start) + data + table + bytes(4) + values


def _grey() -> Samples:
    return scene()[..., :1]


def _colours() -> dict[str, bytes]:
    picture = scene()
    cmyk = np.asarray(Image.fromarray(picture).convert("CMYK"))
    lab = np.dstack([picture[..., 0], picture[..., 1] + 128, picture[..., 2] + 128]).astype(np.uint8)
    palette = np.random.default_rng(1).integers(0, 0x10000, 3 * 256).tolist()
    named: dict[str, bytes] = {}
    for order in _ORDERS:
        named |= {
            f"TIFF grey in {order} order": tiff(_grey(), _BLACK_IS_ZERO, order=order),
            f"TIFF white is zero in {order} order": tiff(_grey(), _WHITE_IS_ZERO, order=order),
            f"TIFF RGB in {order} order": tiff(picture, _RGB, order=order),
            f"TIFF palette in {order} order": tiff(_grey(), _PALETTE, {320: ("H", palette)}, order),
            f"TIFF CMYK in {order} order": tiff(cmyk, _CMYK, order=order),
            f"TIFF LAB in {order} order": tiff(lab, _LAB, order=order),
            f"TIFF YCbCr in {order} order": tiff(picture, _YCBCR, {530: ("H", [1, 1])}, order),
        }
    eight = [value // 257 for value in palette]
    return named | {
        "TIFF palette of 8 bits": tiff(_grey(), _PALETTE, {320: ("H", eight)}),
        "TIFF ICC LAB": tiff(lab, 9),
        "TIFF mask": tiff(_grey() // 128, _MASK, bits=1),
        "TIFF without a photometric": _directory_without(tiff(_grey(), _BLACK_IS_ZERO), 262),
    }


def _directory_without(data: bytes, tag: int) -> bytes:
    """The tag's entry made one of a private tag, and put last as it must be."""
    (start,) = struct.unpack_from("<I", data, 4)
    (count,) = struct.unpack_from("<H", data, start)
    entries = [data[start + 2 + 12 * i : start + 14 + 12 * i] for i in range(count)]
    kept = [entry for entry in entries if struct.unpack_from("<H", entry)[0] != tag]
    filler = struct.pack("<HHII", 65_000, 3, 1, 0)
    return data[: start + 2] + b"".join([*kept, filler]) + data[start + 2 + 12 * count :]


def _depths() -> dict[str, bytes]:
    grey = _grey()
    deep = grey.astype(np.uint16) * 256 + 77
    named: dict[str, bytes] = {}
    for bits in (1, 2, 4):
        for name, photometric in (("white", _WHITE_IS_ZERO), ("black", _BLACK_IS_ZERO)):
            named[f"TIFF grey of {bits} bits, {name} is zero"] = tiff(
                grey >> (8 - bits), photometric, bits=bits
            )
        palette = np.random.default_rng(1).integers(0, 0x10000, 3 * 2**bits).tolist()
        named[f"TIFF palette of {bits} bits"] = tiff(
            grey >> (8 - bits), _PALETTE, {320: ("H", palette)}, bits=bits
        )
    for order in _ORDERS:
        named |= {
            f"TIFF grey of 16 bits in {order} order": tiff(deep, _BLACK_IS_ZERO, order=order),
            f"TIFF grey of 16 bits, white is zero, in {order} order": tiff(deep, _WHITE_IS_ZERO, order=order),
            f"TIFF RGB of 16 bits in {order} order": tiff(scene().astype(np.uint16) * 257, _RGB, order=order),
            f"TIFF grey of floats in {order} order": tiff(
                grey.astype(np.float32) / 255, _BLACK_IS_ZERO, {339: ("H", [3])}, order
            ),
        }
    return named | {
        "TIFF grey of 32 bits": tiff(deep.astype(np.uint32) * 65536, _BLACK_IS_ZERO),
        "TIFF grey of 16 bits with a sign": tiff(
            (deep.astype(int) - 32768).astype(np.int16), _BLACK_IS_ZERO, {339: ("H", [2])}
        ),
        "TIFF grey of 8 bits with a sign": tiff(grey, _BLACK_IS_ZERO, {339: ("H", [2])}),
        "TIFF RGB of floats": tiff(scene().astype(np.float32) / 255, _RGB, {339: ("H", [3, 3, 3])}),
        "TIFF RGB of 32 bits": tiff(scene().astype(np.uint32) << 24, _RGB),
        "TIFF CMYK of 16 bits": tiff(
            np.asarray(Image.fromarray(scene()).convert("CMYK")).astype(np.uint16) * 257, _CMYK
        ),
        "TIFF grey with bits filled from the right": tiff(
            grey // 128, _BLACK_IS_ZERO, {266: ("H", [2])}, bits=1
        ),
    }


def _extra() -> dict[str, bytes]:
    """Alpha, or channels that nobody says anything of."""
    picture, alpha = scene(), scene(seed=1)[..., :1]
    palette = np.random.default_rng(1).integers(0, 0x10000, 3 * 256).tolist()
    named: dict[str, bytes] = {}
    for kind, name in ((0, "something"), (1, "premultiplied alpha"), (2, "straight alpha")):
        extra = {338: ("H", [kind])}
        named |= {
            f"TIFF RGB and {name}": tiff(np.dstack([picture, alpha]), _RGB, extra),
            f"TIFF RGB of 16 bits and {name}": tiff(
                np.dstack([picture, alpha]).astype(np.uint16) * 257, _RGB, extra
            ),
            f"TIFF grey and {name}": tiff(np.dstack([_grey(), alpha]), _BLACK_IS_ZERO, extra),
            f"TIFF white is zero and {name}": tiff(np.dstack([_grey(), alpha]), _WHITE_IS_ZERO, extra),
            f"TIFF grey of 16 bits and {name}": tiff(
                np.dstack([_grey(), alpha]).astype(np.uint16) * 257, _BLACK_IS_ZERO, extra
            ),
            f"TIFF palette and {name}": tiff(
                np.dstack([_grey(), alpha]), _PALETTE, {**extra, 320: ("H", palette)}
            ),
            f"TIFF CMYK and {name}": tiff(
                np.dstack([np.asarray(Image.fromarray(picture).convert("CMYK")), alpha]), _CMYK, extra
            ),
        }
    return named | {
        "TIFF of four channels that says nothing of the fourth": tiff(np.dstack([picture, alpha]), _RGB),
        "TIFF of two channels that says nothing of the second": tiff(
            np.dstack([_grey(), alpha]), _BLACK_IS_ZERO
        ),
        "TIFF RGB, alpha and something": tiff(np.dstack([picture, alpha, alpha]), _RGB, {338: ("H", [2, 0])}),
        "TIFF RGB and alpha of Corel": tiff(np.dstack([picture, alpha]), _RGB, {338: ("H", [999])}),
    }


def _compressed() -> dict[str, bytes]:
    image = Image.fromarray(scene())
    clear = image.copy()
    clear.putalpha(Image.fromarray(scene(seed=1)[..., 0]))
    named: dict[str, bytes] = {}
    for kind in ("tiff_lzw", "tiff_adobe_deflate", "packbits", "tiff_deflate"):
        named |= {
            f"TIFF {kind} {name}": saved(picture, "TIFF", compression=kind)
            for name, picture in (("RGB", image), ("grey", image.convert("L")), ("RGBA", clear))
        }
    for kind in ("group3", "group4", "tiff_ccitt"):
        named[f"TIFF {kind}"] = saved(image.convert("1"), "TIFF", compression=kind)
    deep = Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 256 + 77)
    return named | {
        "TIFF JPEG": saved(image, "TIFF", compression="jpeg", quality=90),
        "TIFF JPEG grey": saved(image.convert("L"), "TIFF", compression="jpeg", quality=90),
        "TIFF LZW of 16 bits": saved(deep, "TIFF", compression="tiff_lzw"),
        "TIFF LZW with a predictor": saved(image, "TIFF", compression="tiff_lzw", tiffinfo={317: 2}),
        "TIFF CMYK LZW": saved(image.convert("CMYK"), "TIFF", compression="tiff_lzw"),
        "TIFF LAB LZW": saved(_lab(), "TIFF", compression="tiff_lzw"),
        "TIFF LA LZW": saved(image.convert("LA"), "TIFF", compression="tiff_lzw"),
        "TIFF palette LZW": saved(image.quantize(50), "TIFF", compression="tiff_lzw"),
    }


def _lab() -> Image.Image:
    picture = scene()
    return Image.frombytes("LAB", picture.shape[1::-1], picture.tobytes())


def _layouts() -> dict[str, bytes]:
    """Tiles, several strips, planes one after another."""
    picture = scene(40, 48)
    tiles = b"".join(
        np.ascontiguousarray(np.pad(picture, ((0, 8), (0, 0), (0, 0)))[y : y + 16, x : x + 16]).tobytes()
        for y in (0, 16, 32)
        for x in (0, 16, 32)
    )
    tiled: dict[int, tuple[str, list[int]]] = {
        256: ("I", [48]),
        257: ("I", [40]),
        258: ("H", [8, 8, 8]),
        259: ("H", [1]),
        262: ("H", [_RGB]),
        277: ("H", [3]),
        322: ("I", [16]),
        323: ("I", [16]),
        324: ("I", [8 + 768 * i for i in range(9)]),
        325: ("I", [768] * 9),
    }
    strips: dict[int, tuple[str, list[int]]] = {
        273: ("I", [8 + 48 * 3 * 16 * i for i in range(3)]),
        278: ("I", [16]),
        279: ("I", [48 * 3 * 16, 48 * 3 * 16, 48 * 3 * 8]),
    }
    planes = np.ascontiguousarray(picture.transpose(2, 0, 1)).tobytes()
    planar: dict[int, tuple[str, list[int]]] = {
        256: ("I", [48]),
        257: ("I", [40]),
        258: ("H", [8, 8, 8]),
        259: ("H", [1]),
        262: ("H", [_RGB]),
        273: ("I", [8 + 40 * 48 * i for i in range(3)]),
        277: ("H", [3]),
        278: ("I", [40]),
        279: ("I", [40 * 48] * 3),
        284: ("H", [2]),
    }
    return {
        "TIFF in tiles": _directory(tiled, tiles, "<"),
        "TIFF in strips": tiff(picture, _RGB, strips),
        "TIFF in planes": _directory(planar, planes, "<"),
    }


def _turned() -> dict[str, bytes]:
    picture, alpha = scene(), scene(seed=1)[..., :1]
    named: dict[str, bytes] = {}
    for way in range(1, 9):
        turn = {274: ("H", [way])}
        named |= {
            f"TIFF turned {way}": tiff(picture, _RGB, turn),
            f"TIFF RGBA turned {way}": tiff(np.dstack([picture, alpha]), _RGB, {338: ("H", [2]), **turn}),
        }
    named |= {
        f"TIFF turned by a tag of type {letter}": tiff(picture, _RGB, {274: (letter, [6])}, order=order)
        for letter in "BIbhi"
        for order in _ORDERS
    }
    return named | {
        "TIFF grey turned": tiff(_grey(), _BLACK_IS_ZERO, {274: ("H", [5])}),
        "TIFF grey of 16 bits turned": tiff(
            _grey().astype(np.uint16) * 256 + 77, _BLACK_IS_ZERO, {274: ("H", [8])}
        ),
        "TIFF turned by XMP": tiff(picture, _RGB, {700: ("B", list(xmp(6)))}),
        "TIFF turned by a tag one way and by XMP another": tiff(
            picture, _RGB, {274: ("H", [3]), 700: ("B", list(xmp(6)))}
        ),
    }


def _pages() -> dict[str, bytes]:
    first, second = Image.fromarray(scene()), Image.fromarray(scene(20, 30, seed=1))
    big = io.BytesIO()
    first.save(big, "TIFF", big_tiff=True)
    return {
        "TIFF of two pages": saved(first, "TIFF", save_all=True, append_images=[second]),
        "TIFF of two pages, transparent first": saved(
            _see_through(first), "TIFF", save_all=True, append_images=[second]
        ),
        "TIFF, big": big.getvalue(),
    }


def _see_through(image: Image.Image) -> Image.Image:
    clear = image.copy()
    clear.putalpha(Image.fromarray(scene(seed=1)[..., 0]))
    return clear
