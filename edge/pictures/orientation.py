"""Which way a picture's file says that it is to be turned, and turning it."""

import re
import struct
from contextlib import suppress

import cv2
import numpy as np

from edge.pictures import headers
from edge.pictures.resampling import Picture

_UPRIGHT = 1
_EXIF_ORIENTATION = 274
_ROWS_ARE_COLUMNS = {5, 6, 7, 8}
_FLIPS = {
    2: 1,
    3: -1,
    4: 0,
    6: 1,
    7: -1,
    8: 0,
}  # in OpenCV's terms, after rows and columns have changed places

_AVIF_TURN, _AVIF_MIRROR = re.compile(rb"irot(.)", re.DOTALL), re.compile(rb"imir(.)", re.DOTALL)
_AVIF_ORIENTATIONS = {
    None: (1, 8, 3, 6),
    0: (4, 5, 2, 7),
    1: (2, 7, 4, 5),
}  # mirror axis: by quarter turns anticlockwise


def declared(data: bytes, exif: bytes) -> int:
    """The orientation of a file in the terms of EXIF, 1 (upright) to 8; `exif` is empty where the file has
    none.

    AVIF says it in properties of its own, which precede EXIF. OpenCV turns TIFF itself, and gives no EXIF for
    it.
    """
    if headers.is_avif(data):
        return _avif(data[: 1 << 16])
    with suppress(struct.error):
        for tag, value in headers.tiff_values(exif.removeprefix(b"Exif\0\0")):
            if tag == _EXIF_ORIENTATION:
                return value
    return _UPRIGHT


def turn(picture: Picture, orientation: int) -> Picture:
    """A picture stored with an orientation, upright. What is no orientation turns nothing."""
    if orientation in _ROWS_ARE_COLUMNS:
        picture = np.asarray(cv2.transpose(picture), np.uint8)
    if orientation in _FLIPS:
        picture = np.asarray(cv2.flip(picture, _FLIPS[orientation]), np.uint8)
    return picture


def _avif(begin: bytes) -> int:
    turn, mirror = _AVIF_TURN.search(begin), _AVIF_MIRROR.search(begin)
    return _AVIF_ORIENTATIONS[mirror[1][0] & 1 if mirror else None][turn[1][0] & 3 if turn else 0]
