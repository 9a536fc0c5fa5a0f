"""PBM, PGM and PPM files: as text and as bytes, with any greatest value."""

import numpy as np
from numpy.typing import NDArray

from tests.edge.pictures.picture_files import scene

_MAXIMA = (1, 3, 15, 100, 254, 255, 256, 1000, 4095, 32768, 65534, 65535)


def files() -> dict[str, bytes]:
    return _grey_and_colour() | _bits() | _odd()


def _levels(channels: int, maximum: int) -> NDArray[np.int64]:
    picture = scene()[..., :channels].astype(np.int64)
    noise = np.random.default_rng(5).integers(0, 256, picture.shape)
    return (picture * 256 + noise) * maximum // 0xFFFF


def _text(values: NDArray[np.int64]) -> bytes:
    return b"\n".join(b" ".join(b"%d" % value for value in row.ravel()) for row in values)


def _grey_and_colour() -> dict[str, bytes]:
    height, width = scene().shape[:2]
    named: dict[str, bytes] = {}
    for maximum in _MAXIMA:
        for kind, channels in ((b"5", 1), (b"6", 3)):
            values = _levels(channels, maximum)
            head = b"\n%d %d\n%d\n" % (width, height, maximum)
            name = {1: "PGM", 3: "PPM"}[channels]
            data = values.astype(">u2" if maximum > 255 else np.uint8).tobytes()
            named[f"{name} up to {maximum}"] = b"P" + kind + head + data
            if maximum in {1, 100, 255, 1000, 65535}:
                text = b"%d" % (int(kind) - 3)
                named[f"{name} as text up to {maximum}"] = b"P" + text + head + _text(values)
    return named


def _bits() -> dict[str, bytes]:
    dark = (scene()[..., 0] < 128).astype(np.int64)
    head = b"\n%d %d\n" % (dark.shape[1], dark.shape[0])
    return {
        "PBM": b"P4" + head + np.packbits(dark.astype(np.uint8), axis=1).tobytes(),
        "PBM as text": b"P1" + head + _text(dark),
        "PBM as text without spaces": b"P1" + head + b"".join(b"%d" % value for value in dark.ravel()),
    }


def _odd() -> dict[str, bytes]:
    values = _levels(3, 255).astype(np.uint8)
    height, width = values.shape[:2]
    size = b"%d %d" % (width, height)
    above = np.full((height, width, 3), 200, np.uint8).tobytes()
    return {
        "PPM with comments": b"P6 # made by hand\n# "
        + size
        + b"\n"
        + size
        + b"#here\n255\n"
        + values.tobytes(),
        "PPM with a comment behind its width": b"P6\n%d# wide\n%d 255\n" % (width, height) + values.tobytes(),
        "PPM with a return": b"P6\r" + size + b"\r255\r" + values.tobytes(),
        "PPM with bytes behind it": b"P6\n" + size + b"\n255\n" + values.tobytes() + b"more",
        "PPM with values above its greatest": b"P6\n" + size + b"\n100\n" + above,
        "PGM as text with comments": b"P2\n3 2\n9\n1 2 3 # a row\n4 5 #another\n 6",
        "PGM as text with a value above its greatest": b"P2\n2 2\n9\n1 2 3 10",
        "PGM as text, negative": b"P2\n2 2\n9\n1 2 3 -4",
        "PGM as text, a value short": b"P2\n2 2\n9\n1 2 3",
        "PGM without a greatest value": b"P5\n2 2\n0\n1234",
        "PGM with too great a greatest value": b"P5\n2 2\n65536\n12345678",
        "PFM": b"Pf\n2 2\n-1.0\n" + np.ones(4, "<f4").tobytes(),
        "PAM": b"P7\nWIDTH 2\nHEIGHT 2\nDEPTH 3\nMAXVAL 255\nTUPLTYPE RGB\nENDHDR\n" + bytes(12),
    }
