"""GIF files of every kind: written block by block."""

import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from tests.edge.pictures.picture_files import saved, scene

Indices = NDArray[np.uint8]  # (h, w)


@dataclass(frozen=True)
class Frame:
    """Where a frame lies on the canvas, and how it is described."""

    indices: Indices
    left: int = 0
    top: int = 0
    palette: bytes = b""
    transparent: int | None = None
    disposal: int = 0
    interlaced: bool = False


def files() -> dict[str, bytes]:
    return _saved() | _on_a_canvas() | _odd()


def gif(
    size: tuple[int, int], *frames: Frame, palette: bytes = b"", background: int = 0, version: bytes = b"89a"
) -> bytes:
    flags = 0x80 | (len(palette) // 3).bit_length() - 2 if palette else 0
    head = b"GIF" + version + struct.pack("<HHBBB", *size, flags, background, 0) + palette
    return head + b"".join(_frame(frame) for frame in frames) + b";"


def _frame(frame: Frame) -> bytes:
    control = b""
    if frame.transparent is not None or frame.disposal:
        flags = frame.disposal << 2 | (frame.transparent is not None)
        control = b"!\xf9\4" + struct.pack("<BHB", flags, 5, frame.transparent or 0) + b"\0"
    height, width = frame.indices.shape
    flags = (0x80 | (len(frame.palette) // 3).bit_length() - 2) if frame.palette else 0
    rows = frame.indices
    if frame.interlaced:
        flags |= 0x40
        rows = np.concatenate([rows[0::8], rows[4::8], rows[2::4], rows[1::2]])
    head = b"," + struct.pack("<HHHHB", frame.left, frame.top, width, height, flags) + frame.palette
    return control + head + _lzw(rows.tobytes())


def _lzw(values: bytes) -> bytes:
    """Codes of 9 bits, cleared before they would grow: nothing is compressed."""
    codes = []
    for start in range(0, len(values), 200):
        codes += [256, *values[start : start + 200]]
    bits = "".join(format(code, "09b")[::-1] for code in [*codes, 257])
    data = bytes(int(bits[start : start + 8][::-1], 2) for start in range(0, len(bits), 8))
    blocks = [data[start : start + 255] for start in range(0, len(data), 255)]
    return b"\x08" + b"".join(bytes([len(block)]) + block for block in blocks) + b"\0"


def _quantized(colours: int = 256) -> tuple[Indices, bytes]:
    image = Image.fromarray(scene()).quantize(colours, dither=Image.Dither.NONE)
    palette = bytes(image.getpalette() or [])
    return np.asarray(image), palette.ljust(3 * 256, b"\x7f")[: 3 * colours]


def _saved() -> dict[str, bytes]:
    image = Image.fromarray(scene())
    frames = {"save_all": True, "append_images": [ImageOps.flip(image)]}
    named = {f"GIF of {mode}": saved(image.convert(mode), "GIF") for mode in ("RGB", "P", "L", "1")}
    for colours in (2, 4, 16, 64, 256):
        for interlace in (0, 1):
            named[f"GIF of {colours} colours{' interlaced' * interlace}"] = saved(
                image.quantize(colours), "GIF", interlace=interlace
            )
    return named | {
        "GIF of two frames": saved(image, "GIF", **frames),
        "GIF with a comment": saved(image, "GIF", comment=b"a comment, with a comma"),
        "GIF of a large picture": saved(Image.fromarray(scene(300, 200)), "GIF"),
    }


def _on_a_canvas() -> dict[str, bytes]:
    indices, palette = _quantized()
    height, width = indices.shape
    large, exact = (width + 9, height + 7), (width, height)
    other = bytes(reversed(palette))
    used = int(indices[3, 3])
    frames = {
        "in a corner": Frame(indices),
        "away from the corner": Frame(indices, 4, 3),
        "with holes": Frame(indices, 4, 3, transparent=used),
        "with a palette of its own": Frame(indices, 4, 3, palette=other),
        "with holes and a palette of its own": Frame(indices, 4, 3, palette=other, transparent=used),
        "interlaced": Frame(indices, 4, 3, interlaced=True),
        "interlaced with holes": Frame(indices, 4, 3, transparent=used, interlaced=True),
        "that is disposed of": Frame(indices, 4, 3, disposal=2),
        "that is disposed of, with holes": Frame(indices, 4, 3, disposal=3, transparent=used),
    }
    named: dict[str, bytes] = {}
    for name, frame in frames.items():
        for background in (0, 77):
            named[f"GIF frame {name} on a larger canvas, background {background}"] = gif(
                large, frame, palette=palette, background=background
            )
    full = Frame(indices)
    return named | {
        "GIF frame of its canvas's size with background": gif(exact, full, palette=palette, background=9),
        "GIF frame with holes and background": gif(
            exact, Frame(indices, transparent=used), palette=palette, background=9
        ),
        "GIF frame larger than its canvas": gif((20, 10), full, palette=palette),
        "GIF frame beyond its canvas": gif(exact, Frame(indices, 4, 3), palette=palette),
        "GIF frame beyond its canvas with holes": gif(
            exact, Frame(indices, 4, 3, transparent=used), palette=palette
        ),
        "GIF of version 87": gif(exact, full, palette=palette, version=b"87a"),
        "GIF of a small frame before a large one": gif(
            exact, Frame(indices[:9, :9], 5, 5), full, palette=palette, background=3
        ),
        "GIF of a small frame with holes before a large one": gif(
            exact, Frame(indices[:9, :9], 5, 5, transparent=used), full, palette=palette
        ),
        "GIF opaque before a frame with holes": gif(
            exact, full, Frame(indices, transparent=used), palette=palette
        ),
    }


def _odd() -> dict[str, bytes]:
    indices, palette = _quantized()
    height, width = indices.shape
    grey = bytes(np.repeat(np.arange(256, dtype=np.uint8), 3))
    full = Frame(indices)
    data = gif((width, height), full, palette=palette)
    application = b"!\xff\x0bNETSCAPE2.0\3\1\0\0\0"
    place = 13 + len(palette)
    return {
        "GIF without a palette": gif((width, height), full),
        "GIF whose palette is grey": gif((width, height), full, palette=grey),
        "GIF with a palette of one frame alone": gif((width, height), Frame(indices, palette=palette)),
        "GIF with fewer colours than it uses": gif((width, height), full, palette=palette[: 3 * 64]),
        "GIF with an extension": data[:place] + application + data[place:],
        "GIF without a trailer": data[:-1],
        "GIF with bytes behind it": data + b"more",
        "GIF with a grey palette and holes": gif(
            (width + 3, height), Frame(indices, 1, 0, transparent=5), palette=grey
        ),
    }
